"""What the server tells, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class JobState(StrEnum):
    """Where a job is in its life."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens without somebody's retry."""
        return self in {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}


@dataclass(frozen=True)
class Artifact:
    """A file; `url` hands it out for a while."""

    id: str
    name: str
    media_type: str
    size: int
    sha256: str
    url: str

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Artifact:
        return cls(**{name: body[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Result:
    """What a job brought out."""

    values: Mapping[str, Any]
    artifacts: Sequence[Artifact]

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Result:
        return cls(body["values"], [Artifact.read(file) for file in body["artifacts"]])


@dataclass(frozen=True)
class LogLine:
    """A line that the kind logged."""

    id: int
    at: str
    attempt: int
    level: str
    text: str

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> LogLine:
        return cls(**{name: body[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Event:
    """Something that happened to a job: `moved`, `log`, `progress`, at last `end`."""

    name: str
    id: str
    data: Mapping[str, Any]


class About:
    """What is known about a job: what the server told last."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.told = told

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.kind} {self.state}>"

    @property
    def id(self) -> str:
        return str(self.told["id"])

    @property
    def kind(self) -> str:
        return str(self.told["kind"])

    @property
    def queue(self) -> str:
        return str(self.told["queue"])

    @property
    def state(self) -> JobState:
        return JobState(self.told["state"])

    @property
    def attempt(self) -> int:
        return int(self.told.get("attempt", 0))

    @property
    def code(self) -> str:
        """How it ended; empty before."""
        return str(self.told.get("code", ""))

    @property
    def error(self) -> str:
        """The last error, for people; a job of a list does not tell it, `refresh` does."""
        return str(self.told.get("error", ""))

    @property
    def why(self) -> str:
        """Why it waits, for people; empty if it does not."""
        return str((self.told.get("waiting") or {}).get("text", ""))

    @property
    def progress(self) -> float | None:
        """How far it says it is, 0…1."""
        found = self.told.get("progress")
        return float(found["fraction"]) if found else None
