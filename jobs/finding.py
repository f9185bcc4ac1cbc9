"""What pydantic found, in words for people who never heard of its classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IS_OBJECT = {"model_type", "model_attributes_type", "dataclass_type", "dict_type"}
"""It calls these by the class that was to be made, or by Python's word for an object."""
OURS = "Value error, "
"""What it puts before the sentences of our own checks."""


def finding_text(found: Mapping[str, Any]) -> str:
    """The sentence of one finding."""
    if found["type"] in IS_OBJECT:
        return 'Input should be an object, like {"name": "value"}'
    return str(found["msg"]).removeprefix(OURS)
