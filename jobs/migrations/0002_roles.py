"""The roles: groups that say what a person may do. Safe to run again; what an admin added stays."""

from django.apps import apps as installed
from django.conf import settings
from django.db import migrations

ALL = ("add", "change", "delete", "view")
OWN = "millrace_jobs"
OWN_MODELS = ("job", "queue", "worker", "artifact", "jobevent", "item", "logline")

SUBMITTER = [(OWN, "job", "submit_job", "Can submit jobs")]
OPERATOR = [
    *SUBMITTER,
    (OWN, "job", "operate_job", "Can see and act on everybody's jobs"),
    (OWN, "queue", "change_queue", "Can change queue"),
    *((OWN, model, f"view_{model}", f"Can view {model}") for model in OWN_MODELS),
]


def whole(app, *models):
    """Every right over the models of an app, if that app is installed."""
    if not installed.is_installed(app):
        return []
    label = app.rpartition(".")[2]
    return [(label, model, f"{act}_{model}", f"Can {act} {model}") for model in models for act in ALL]


def make_roles(apps, schema_editor):
    beat = ("periodictask", "intervalschedule", "crontabschedule", "clockedschedule", "solarschedule")
    admin = [
        *OPERATOR,
        (OWN, "queue", "add_queue", "Can add queue"),
        *whole("django.contrib.auth", "user", "group"),
        *whole("django_celery_beat", *beat),
        *whole("django_celery_results", "taskresult"),
    ]
    for name, rights in (("submitter", SUBMITTER), ("operator", OPERATOR), ("admin", admin)):
        make_role(apps, name, rights)


def make_role(apps, name, rights):
    """Django makes permissions only after all migrations; it takes over the ones that are there."""
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
    for label, model, codename, text in rights:
        content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
            app_label=label, model=model
        )
        permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
            content_type=content_type, codename=codename, defaults={"name": text}
        )
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("millrace_jobs", "0001_spine"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop, elidable=False)]
