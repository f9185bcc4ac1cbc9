from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("millrace_jobs", "0010_event_started")]

    operations = [
        migrations.AddField(
            "item",
            "given",
            models.JSONField(null=True, help_text="What doing it needs to know; written when it is declared."),
        ),
    ]
