"""Webhooks, and the function that writes their outbox in the statement that moves a job."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

# Called by the statement that moved these jobs, and volatile, so that it sees them as they are now.
CREATE = """
CREATE OR REPLACE FUNCTION millrace_tell_webhooks(ids uuid[]) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    told integer;
BEGIN
    INSERT INTO millrace_webhook_delivery (webhook_id, event, job, kind, queue, code, attempt, version)
    SELECT hook.id, 'job.' || job.state, job.id, job.kind, job.queue, job.code, job.attempt, job.version
      FROM millrace_job AS job JOIN millrace_webhook AS hook
        ON (hook.owner_id = job.owner_id OR hook.is_for_all)
       AND hook.is_enabled AND 'job.' || job.state = ANY (hook.events)
       AND (hook.kinds = '{}' OR job.kind = ANY (hook.kinds))
       AND (hook.queues = '{}' OR job.queue = ANY (hook.queues))
     WHERE job.id = ANY (ids) AND job.kind <> 'webhooks.deliver';
    GET DIAGNOSTICS told = ROW_COUNT;
    RETURN told;
END $$
"""
DROP = "DROP FUNCTION IF EXISTS millrace_tell_webhooks(uuid[])"


class Migration(migrations.Migration):

    dependencies = [
        ('millrace_jobs', '0007_tokens'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.UUIDField(help_text='UUIDv7.', primary_key=True, serialize=False)),
                ('is_for_all', models.BooleanField(db_default=False, default=False, help_text="Everybody's jobs; only operators may.")),
                ('url', models.TextField()),
                ('description', models.TextField(db_default='', default='')),
                ('events', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), help_text='Which events: job.succeeded, …', size=None)),
                ('kinds', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), db_default=[], default=list, help_text='Only these kinds; empty = every kind.', size=None)),
                ('queues', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), db_default=[], default=list, help_text='Only these queues; empty = every queue.', size=None)),
                ('is_enabled', models.BooleanField(db_default=True, default=True)),
                ('disabled_reason', models.TextField(db_default='', default='', help_text='Why, for people.')),
                ('failing_since', models.DateTimeField(help_text='The first failure since the last success.', null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'millrace_webhook',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.UUIDField(db_default=models.Func(function='gen_random_uuid', output_field=models.UUIDField()), editable=False, primary_key=True, serialize=False)),
                ('event', models.TextField()),
                ('job', models.UUIDField(help_text='The job it is about; empty for a test.', null=True)),
                ('kind', models.TextField(db_default='', default='')),
                ('queue', models.TextField(db_default='', default='')),
                ('code', models.TextField(db_default='', default='')),
                ('attempt', models.IntegerField(db_default=0, default=0)),
                ('version', models.IntegerField(db_default=0, default=0)),
                ('at', models.DateTimeField(db_default=models.Func(function='clock_timestamp', output_field=models.DateTimeField()))),
                ('carrier', models.UUIDField(help_text='The job that delivers it; empty until there is one.', null=True)),
                ('delivered_at', models.DateTimeField(null=True)),
                ('webhook', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='deliveries', to='millrace_jobs.webhook')),
            ],
            options={
                'db_table': 'millrace_webhook_delivery',
                'ordering': ['-at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='WebhookSecret',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('sealed', models.TextField(help_text='Encrypted with a key that SECRET_KEY yields.')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('expires_at', models.DateTimeField(help_text='Until when it signs; empty = it is the newest.', null=True)),
                ('webhook', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='secrets', to='millrace_jobs.webhook')),
            ],
            options={
                'db_table': 'millrace_webhook_secret',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='WebhookTry',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('status', models.IntegerField(help_text='What the endpoint answered; empty if it did not.', null=True)),
                ('milliseconds', models.IntegerField()),
                ('answer', models.TextField(db_default='', default='', help_text='The beginning of the body.')),
                ('error', models.TextField(db_default='', default='', help_text='What went wrong, for people.')),
                ('delivery', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='tries', to='millrace_jobs.webhookdelivery')),
            ],
            options={
                'db_table': 'millrace_webhook_try',
                'ordering': ['id'],
            },
        ),
        migrations.AddIndex(
            model_name='webhook',
            index=models.Index(models.F('owner'), models.OrderBy(models.F('id'), descending=True), name='millrace_webhook_owner'),
        ),
        migrations.AddIndex(
            model_name='webhook',
            index=models.Index(models.F('id'), condition=models.Q(('is_for_all', True)), name='millrace_webhook_for_all'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(models.F('at'), condition=models.Q(('carrier__isnull', True)), name='millrace_webhook_due'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(models.F('webhook'), models.OrderBy(models.F('at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='millrace_webhook_log'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(models.F('at'), name='millrace_webhook_age'),
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
