"""What goes in and out at this door, as pydantic declares it; OpenAPI is made from it."""

from jobs.api.schemas.artifact import ArtifactOut
from jobs.api.schemas.batch import BatchIn, BatchItem, BatchOut, Rejection
from jobs.api.schemas.job import (
    Accepted,
    CountOut,
    JobIn,
    JobOut,
    JobPage,
    JobSummary,
    Links,
    Progress,
    RerunIn,
    ResultOut,
    Waiting,
)
from jobs.api.schemas.kind import KindOut, KindsOut, KindSummary
from jobs.api.schemas.queue import PauseIn, QueueOut, QueuesOut
from jobs.api.schemas.schedule import ScheduleIn, ScheduleOut, SchedulesOut
from jobs.api.schemas.story import EventOut, EventsOut, LogLineOut, LogOut
from jobs.api.schemas.token import MeOut, TokenAbout, TokenIn, TokenMade, TokensOut
from jobs.api.schemas.webhook import (
    DeliveriesOut,
    DeliveryOut,
    ReplayedOut,
    ReplayIn,
    TryOut,
    WebhookEvent,
    WebhookIn,
    WebhookMade,
    WebhookOut,
    WebhookSecretOut,
    WebhooksOut,
)

__all__ = [
    "Accepted",
    "ArtifactOut",
    "BatchIn",
    "BatchItem",
    "BatchOut",
    "CountOut",
    "DeliveriesOut",
    "DeliveryOut",
    "EventOut",
    "EventsOut",
    "JobIn",
    "JobOut",
    "JobPage",
    "JobSummary",
    "KindOut",
    "KindSummary",
    "KindsOut",
    "Links",
    "LogLineOut",
    "LogOut",
    "MeOut",
    "PauseIn",
    "Progress",
    "QueueOut",
    "QueuesOut",
    "Rejection",
    "ReplayIn",
    "ReplayedOut",
    "RerunIn",
    "ResultOut",
    "ScheduleIn",
    "ScheduleOut",
    "SchedulesOut",
    "TokenAbout",
    "TokenIn",
    "TokenMade",
    "TokensOut",
    "TryOut",
    "Waiting",
    "WebhookEvent",
    "WebhookIn",
    "WebhookMade",
    "WebhookOut",
    "WebhookSecretOut",
    "WebhooksOut",
]
