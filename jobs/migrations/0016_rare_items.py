from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Without a lock: the ledger may have millions of rows, and mail goes out meanwhile."""

    atomic = False
    dependencies = [("millrace_jobs", "0015_item_moved")]

    operations = [
        AddIndexConcurrently(
            "item",
            models.Index(
                fields=["job", "state", "key"],
                name="millrace_item_rare",
                condition=Q(state__in=["failed", "skipped", "uncertain"]),
            ),
        ),
    ]
