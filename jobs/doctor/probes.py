"""Every area that doctor looks at, in the order in which trouble spreads."""

from __future__ import annotations

from jobs.doctor import broker, database, queues, tables, workers
from jobs.doctor.examine import Probe

BROKER, DATABASE = "broker", "database"

PROBES = (
    Probe(DATABASE, "Database", database.look, is_essential=True),
    Probe("tables", "Tables", tables.look, needs=DATABASE),
    Probe(BROKER, "Broker", broker.look, is_essential=True),
    Probe("workers", "Workers", workers.look, needs=DATABASE),
    Probe("queues", "Queues", queues.look, needs=DATABASE),
)
