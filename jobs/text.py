"""Text as PostgreSQL can keep it: no NUL, no half of a surrogate pair, and no more than is of use."""

from __future__ import annotations

LIMIT = 20_000


def storable(text: str, limit: int = LIMIT) -> str:
    """The text with what the database refuses replaced, cut to `limit` characters."""
    return text[:limit].replace("\0", "\ufffd").encode("utf-8", "replace").decode()
