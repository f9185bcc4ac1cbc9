from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Without a lock: the ledger may have millions of rows, and mail goes out meanwhile."""

    atomic = False
    dependencies = [("millrace_jobs", "0013_mail_traffic")]

    operations = [
        AddIndexConcurrently(
            "item",
            models.Index(
                fields=["job", "held_by", "due", "id"],
                name="millrace_item_held",
                condition=models.Q(("held_by__isnull", False)),
            ),
        ),
    ]
