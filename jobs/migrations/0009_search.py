from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("millrace_jobs", "0008_webhooks")]

    operations = [
        migrations.AddIndex(
            "job",
            models.Index(F("id").desc(), name="millrace_job_given_up", condition=Q(state__in=["failed", "cancelled"])),
        ),
        migrations.AddIndex("job", models.Index(F("id").desc(), name="millrace_job_told", condition=~Q(error=""))),
        # The first of these answers for it.
        migrations.RemoveIndex("job", "millrace_job_failed"),
    ]
