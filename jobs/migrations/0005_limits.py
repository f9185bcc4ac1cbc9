"""Limits, shares and floors: what the gate remembers of who waits for a slot, and whose turn it is."""

from importlib import import_module

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def add_to_admins(apps, schema_editor):
    """Who administers users also says how heavy they weigh."""
    rights = [("millrace_jobs", "share", f"{act}_share", f"Can {act} share") for act in ("add", "change", "delete", "view")]
    import_module("jobs.migrations.0002_roles").make_role(apps, "admin", rights)


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('millrace_jobs', '0004_beat'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Floor',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('queue', models.TextField()),
                ('priority', models.SmallIntegerField()),
                ('turn', models.FloatField()),
            ],
            options={
                'db_table': 'millrace_floor',
            },
        ),
        migrations.CreateModel(
            name='LimitKey',
            fields=[
                ('key', models.TextField(primary_key=True, serialize=False)),
                ('version', models.BigIntegerField(db_default=1, default=1, help_text='Raised with every admission.')),
                ('holders', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), db_default=[], default=list, size=None)),
                ('earliest', models.FloatField(db_default=0, default=0, help_text="The rate's clock, seconds since 1970.")),
                ('at_once', models.IntegerField(help_text='As the job let through last declared it.', null=True)),
                ('starts', models.IntegerField(null=True)),
                ('seconds', models.FloatField(null=True)),
            ],
            options={
                'db_table': 'millrace_limit',
                'ordering': ['key'],
            },
        ),
        migrations.CreateModel(
            name='Share',
            fields=[
                ('owner', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('weight', models.FloatField(help_text='0.1 to 10; everybody else weighs 1.', validators=[django.core.validators.MinValueValidator(0.1), django.core.validators.MaxValueValidator(10)])),
            ],
            options={
                'db_table': 'millrace_share',
            },
        ),
        migrations.RemoveIndex(
            model_name='job',
            name='millrace_job_held_back',
        ),
        migrations.AddField(
            model_name='job',
            name='held_by',
            field=models.TextField(help_text='The key of the limit at which it waits for a slot.', null=True),
        ),
        migrations.AddField(
            model_name='job',
            name='limits',
            field=models.JSONField(help_text='Limits it is under: [[key, at once, starts, seconds], …], in the order of keys.', null=True),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(models.F('kind'), models.F('queue'), condition=models.Q(('held_by__isnull', True), ('ready', False), ('state', 'queued')), name='millrace_job_unknown'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(models.F('held_by'), models.OrderBy(models.F('priority'), descending=True), models.F('turn'), models.F('seq'), condition=models.Q(('held_by__isnull', False)), name='millrace_job_held_by'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('held_by__isnull', True), models.Q(('ready', False), ('state', 'queued')), _connector='OR'), name='millrace_job_held_waits'),
        ),
        migrations.AddConstraint(
            model_name='floor',
            constraint=models.UniqueConstraint(fields=('queue', 'priority'), name='millrace_floor_once'),
        ),
        migrations.AddConstraint(
            model_name='share',
            constraint=models.CheckConstraint(condition=models.Q(('weight__gte', 0.1), ('weight__lte', 10)), name='millrace_share_weight'),
        ),
        migrations.RunPython(add_to_admins, migrations.RunPython.noop),
    ]
