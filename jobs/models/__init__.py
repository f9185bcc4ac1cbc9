"""What Millrace remembers: one noun per file."""

from jobs.models.artifact import Artifact, ArtifactUse
from jobs.models.beat import Beat
from jobs.models.event import JobEvent
from jobs.models.item import Item
from jobs.models.job import Job
from jobs.models.key import IdempotencyKey
from jobs.models.limit import Floor, LimitKey, Share
from jobs.models.log_line import LogLine
from jobs.models.progress import Progress
from jobs.models.queue import Queue
from jobs.models.report import MailReport
from jobs.models.suppression import Suppression
from jobs.models.tally import Tally
from jobs.models.token import Token
from jobs.models.tombstone import Tombstone
from jobs.models.traffic import MailTraffic
from jobs.models.webhook import Webhook, WebhookDelivery, WebhookSecret, WebhookTry
from jobs.models.worker import Worker

__all__ = [
    "Artifact",
    "ArtifactUse",
    "Beat",
    "Floor",
    "IdempotencyKey",
    "Item",
    "Job",
    "JobEvent",
    "LimitKey",
    "LogLine",
    "MailReport",
    "MailTraffic",
    "Progress",
    "Queue",
    "Share",
    "Suppression",
    "Tally",
    "Token",
    "Tombstone",
    "Webhook",
    "WebhookDelivery",
    "WebhookSecret",
    "WebhookTry",
    "Worker",
]
