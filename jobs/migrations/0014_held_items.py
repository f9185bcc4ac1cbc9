from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("millrace_jobs", "0013_mail_traffic")]

    operations = [
        migrations.AddIndex(
            "item",
            models.Index(
                fields=["job", "held_by", "due", "id"],
                name="millrace_item_held",
                condition=models.Q(("held_by__isnull", False)),
            ),
        ),
    ]
