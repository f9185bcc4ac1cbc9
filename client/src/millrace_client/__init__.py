"""Submit work to Millrace and get its results."""

from millrace_client.async_client import AsyncClient, AsyncJob
from millrace_client.client import Client, Job
from millrace_client.errors import (
    BadCursor,
    BadFilter,
    BadPayload,
    BadToken,
    Busy,
    Gone,
    InFlight,
    JobFailed,
    KeyReused,
    MillraceError,
    NotAllowed,
    NotFinished,
    NotFound,
    NotPossible,
    Problem,
    Refused,
    StillGoing,
    UnknownKind,
    Unreachable,
)
from millrace_client.retries import Retries
from millrace_client.shapes import Artifact, Event, JobState, LogLine, Result

__all__ = [
    "Artifact",
    "AsyncClient",
    "AsyncJob",
    "BadCursor",
    "BadFilter",
    "BadPayload",
    "BadToken",
    "Busy",
    "Client",
    "Event",
    "Gone",
    "InFlight",
    "Job",
    "JobFailed",
    "JobState",
    "KeyReused",
    "LogLine",
    "MillraceError",
    "NotAllowed",
    "NotFinished",
    "NotFound",
    "NotPossible",
    "Problem",
    "Refused",
    "Result",
    "Retries",
    "StillGoing",
    "UnknownKind",
    "Unreachable",
]
