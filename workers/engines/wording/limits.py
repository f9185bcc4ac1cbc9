"""How much one text may ask of us for one recipient: a nested loop ends as an error, not as a busy worker."""

from __future__ import annotations

from jobs.errors import Rejected

SOURCE_CHARACTERS = 200_000
EXPRESSIONS = 5_000
FILTERS = 8
"""How many filters one variable may go through."""
NESTING = 20
STEPS = 20_000
"""Variables written and turns of loops, for one recipient."""
SHOWN_CHARACTERS = 100
CHARACTERS = 1_000_000
"""What is written, and worked on by filters, for one recipient."""


class BadWording(Rejected):
    """A text that cannot be used as it was written: which, the line, and what is wrong with it."""

    def __init__(self, field: str, why: str, line: int = 0) -> None:
        self.field, self.why, self.line = field, why, line
        super().__init__(f"The {field}, line {line}: {why}" if line else f"The {field}: {why}")


class Unfilled(Rejected):
    """A text cannot be filled for one recipient: `why` follows their line's number."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"The mail cannot be written for this recipient: it {why}.")


class Missing(Unfilled):
    """A variable has neither a value nor a default."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"has no value for {name}")


class StrangeLink(Unfilled):
    """A value makes a link that leads neither to the web nor to a mailbox."""

    def __init__(self, field: str, link: str) -> None:
        super().__init__(
            f"makes a link to {link[:SHOWN_CHARACTERS]!r} in the {field}: one begins with https://, http://"
            " or mailto:, and has no blanks"
        )


class TooMuch(Unfilled):
    """Loops, or what they write, are beyond the limits."""

    def __init__(self) -> None:
        super().__init__("makes the text too long, or its loops turn too often")
