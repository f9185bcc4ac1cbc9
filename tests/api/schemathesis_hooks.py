"""What schemathesis is told before it asks."""

from typing import Any

import schemathesis

HEADER = "Idempotency-Key"


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """An idempotency key is no data: it says that two requests are one, and schemathesis sends only others.

    tests/api/test_idempotency.py asks about keys.
    """
    for methods in raw_schema["paths"].values():
        for operation in methods.values():
            operation["parameters"] = [each for each in operation["parameters"] if each["name"] != HEADER]
