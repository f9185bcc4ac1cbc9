"""The schedules an installation begins with. Safe to run again; what an adopter changed stays."""

from django.apps import apps as installed
from django.db import migrations

BEAT = "django_celery_beat"


def make_schedules(apps, schema_editor):
    if installed.is_installed(BEAT):
        from jobs.schedules.defaults import make_defaults

        make_defaults(apps)


class Migration(migrations.Migration):
    dependencies = [
        ("millrace_jobs", "0002_roles"),
        *([(BEAT, "0019_alter_periodictasks_options")] if installed.is_installed(BEAT) else []),
    ]

    operations = [migrations.RunPython(make_schedules, migrations.RunPython.noop)]
