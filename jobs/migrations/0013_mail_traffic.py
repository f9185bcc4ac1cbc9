from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("millrace_jobs", "0012_suppression")]

    operations = [
        migrations.AddField(
            "item",
            "held_by",
            models.TextField(null=True, help_text="What a pending one waits for; empty = its turn alone."),
        ),
        migrations.AddField(
            "item",
            "due",
            models.DateTimeField(null=True, help_text="When one that is held may be tried again."),
        ),
        migrations.CreateModel(
            name="MailTraffic",
            fields=[
                ("key", models.TextField(primary_key=True, serialize=False)),
                ("earliest", models.FloatField(db_default=0, default=0, help_text="The rate's clock.")),
                (
                    "booked",
                    models.FloatField(
                        db_default=0,
                        default=0,
                        help_text="When the last of those who were told to come again will come.",
                    ),
                ),
                (
                    "holders",
                    models.JSONField(
                        db_default=models.Value({}, models.JSONField()),
                        default=dict,
                        help_text="Who is at it: job:attempt → since when.",
                    ),
                ),
                (
                    "off_until",
                    models.FloatField(db_default=0, default=0, help_text="Until when it is left alone."),
                ),
                (
                    "off_times",
                    models.IntegerField(
                        db_default=0,
                        default=0,
                        help_text="How often in a row it asked for that; 0 = it does not.",
                    ),
                ),
                ("off_why", models.TextField(db_default="", default="", help_text="In its own words.")),
                (
                    "at_once",
                    models.IntegerField(null=True, help_text="Its limits, as they were last asked with."),
                ),
                ("starts", models.IntegerField(null=True)),
                ("seconds", models.FloatField(null=True)),
            ],
            options={
                "db_table": "millrace_mail_traffic",
                "ordering": ["key"],
                "indexes": [
                    models.Index(
                        fields=["key"],
                        name="millrace_mail_traffic_off",
                        condition=models.Q(("off_times__gt", 0)),
                    )
                ],
            },
        ),
    ]
