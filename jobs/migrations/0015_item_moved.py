from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("millrace_jobs", "0014_held_items")]

    operations = [
        migrations.AddField(
            "item",
            "moved_at",
            models.DateTimeField(null=True, help_text="When it came into its state; empty: it never moved."),
        ),
    ]
