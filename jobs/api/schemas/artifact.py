"""A file."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel


class ArtifactOut(BaseModel):
    """A file: `url` hands it out to who may see it, for a while."""

    id: UUID
    name: str
    media_type: str
    size: int
    sha256: str
    created_at: datetime
    expires_at: datetime | None
    url: str
