from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("millrace_jobs", "0009_search")]

    operations = [
        migrations.AddField(
            "jobevent",
            "started_at",
            models.DateTimeField(null=True, help_text="When the attempt it is about began."),
        ),
    ]
