"""Words out of an address or a form, in a shape that the database can hold."""

from __future__ import annotations

from django.http import QueryDict

LONGEST = 200


def word(data: QueryDict, name: str, longest: int = LONGEST) -> str:
    """The value of that name, short and without the NUL that PostgreSQL refuses."""
    return data.get(name, "").strip()[:longest].replace("\0", "\ufffd")
