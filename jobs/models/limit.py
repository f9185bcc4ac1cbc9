"""What the gate remembers of limits and shares: who holds a key's slots, and how heavy an owner weighs."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models


class LimitKey(models.Model):
    """One key of a limit. A job holds a slot only while it is listed here *and* is ready or running.

    So no slot can leak: whoever looks asks the jobs themselves.
    """

    key = models.TextField(primary_key=True)
    version = models.BigIntegerField(default=1, db_default=1, help_text="Raised with every admission.")
    holders = ArrayField(models.UUIDField(), default=list, db_default=[])
    earliest = models.FloatField(default=0, db_default=0, help_text="The rate's clock, seconds since 1970.")
    at_once = models.IntegerField(null=True, help_text="As the job let through last declared it.")
    starts = models.IntegerField(null=True)
    seconds = models.FloatField(null=True)

    class Meta:
        db_table = "millrace_limit"
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key


class Share(models.Model):
    """How much of a queue an owner gets beside others, if not 1."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+"
    )
    weight = models.FloatField(
        validators=[MinValueValidator(0.1), MaxValueValidator(10)],
        help_text="0.1 to 10; everybody else weighs 1.",
    )

    class Meta:
        db_table = "millrace_share"
        constraints = [
            models.CheckConstraint(
                name="millrace_share_weight", condition=models.Q(weight__gte=0.1, weight__lte=10)
            )
        ]

    def __str__(self) -> str:
        return f"{self.owner}: {self.weight:g}"


class Floor(models.Model):
    """Before which turn nobody stands in a line: where a look for its head may begin."""

    id = models.BigAutoField(primary_key=True)
    queue = models.TextField()
    priority = models.SmallIntegerField()
    turn = models.FloatField()

    class Meta:
        db_table = "millrace_floor"
        constraints = [models.UniqueConstraint(fields=["queue", "priority"], name="millrace_floor_once")]

    def __str__(self) -> str:
        return f"{self.queue} {self.priority}"
