"""Every area that doctor looks at, in the order in which trouble spreads; those of other apps come last."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.apps import apps

from jobs.doctor import (
    beat,
    broker,
    cache,
    clock,
    configuration,
    control,
    database,
    files,
    flower,
    queues,
    results,
    sessions,
    tables,
    times,
    workers,
)
from jobs.doctor.examine import Probe
from jobs.doctor.finding import Seen
from jobs.registry import module_of

BROKER, DATABASE = "broker", "database"

PROBES = (
    Probe(DATABASE, "Database", database.look, is_essential=True),
    Probe("tables", "Tables", tables.look, needs=DATABASE),
    Probe("sessions", "Sessions", sessions.look, needs=DATABASE),
    Probe("clock", "Clock", clock.look, needs=DATABASE),
    Probe(BROKER, "Broker", broker.look, is_essential=True),
    Probe("control", "Remote control", control.look),
    Probe("cache", "Cache", cache.look),
    Probe("results", "Results", results.look, needs=DATABASE),
    Probe("workers", "Workers", workers.look, needs=DATABASE),
    Probe("queues", "Queues", queues.look, needs=DATABASE),
    Probe("beat", "Beat", beat.look, needs=DATABASE),
    Probe("times", "Times", times.look),
    Probe("flower", "Flower", flower.look),
    Probe("files", "Files", files.look),
    Probe("configuration", "Configuration", configuration.look),
)


def all_probes() -> list[Probe]:
    """Ours, and those that any installed app has as `PROBES` in its `doctor.py`."""
    return [*PROBES, *others()]


def others() -> Iterator[Probe]:
    """An app whose file cannot be read is an area of its own that could not be looked at."""
    for app in apps.get_app_configs():
        try:
            yield from getattr(module_of(app, "doctor"), "PROBES", ())
        except Exception as error:  # noqa: BLE001 - whatever is wrong in it, the others are looked at
            yield Probe(app.label, str(app.verbose_name), partial(fail, error))


def fail(error: Exception) -> Seen:
    """What was raised before, where it is told."""
    raise error
