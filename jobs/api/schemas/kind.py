"""What can be done here."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class KindSummary(BaseModel):
    """What can be done here."""

    name: str
    title: str
    summary: str
    queue: str
    timeout_seconds: float
    public: bool
    links: dict[str, str]


class KindOut(KindSummary):
    """A kind, with the JSON Schema of its payload and hints for a form."""

    payload_schema: dict[str, Any]
    files: dict[str, Any]
    example: dict[str, Any]


class KindsOut(BaseModel):
    """Every kind."""

    kinds: list[KindSummary]
