"""Every area that doctor looks at, in the order in which trouble spreads."""

from __future__ import annotations

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
    mail,
    queues,
    results,
    sessions,
    tables,
    times,
    workers,
)
from jobs.doctor.examine import Probe

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
    Probe("mail", "Mail", mail.look, needs=DATABASE),
    Probe("configuration", "Configuration", configuration.look),
)
