from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("millrace_jobs", "0014_held_items")]

    operations = [
        migrations.AddField(
            "item",
            "moved_at",
            models.DateTimeField(null=True, help_text="When it came into its state; empty: it never moved."),
        ),
        migrations.AddIndex(
            "item",
            models.Index(
                fields=["job", "state", "key"],
                name="millrace_item_rare",
                condition=Q(state__in=["failed", "skipped", "uncertain"]),
            ),
        ),
    ]
