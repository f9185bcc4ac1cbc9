"""Send a personal email to each of a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Annotated, Any, NamedTuple, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, ValidationError, field_validator, model_validator

from jobs.artifacts import ArtifactField, open_upload
from jobs.errors import BadPayload, Problem, Rejected
from jobs.registry import Declared, Result, bad_payload, job_kind
from jobs.retry import Retry
from jobs.states import ItemState
from workers.context import Context
from workers.engines.addresses import Address, HeaderText, check_text
from workers.engines.mail import pattern, recipients, writable
from workers.engines.mail.writable import Unwritable

if TYPE_CHECKING:
    from jobs.items import ClaimedItem

KIND = "email.campaign"
MOST = 5_000
MEGABYTE = 1024 * 1024
TOLD = 1_000
"""So many bad rows of a file are listed; the others are counted."""
TRIES = 6
"""So often a recipient may be put off (greylisting, a full mailbox)."""
PROBLEMS = 20
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
LINK = r"^https?://[^\s<>\"\x00-\x1f\x7f]+$"


def check_pattern(text: str) -> str:
    """Text whose every pair of braces is a variable."""
    try:
        pattern.parse(text, field="text")
    except Unwritable as error:
        raise ValueError(error.why) from None
    return text


Text = Annotated[str, AfterValidator(check_text)]
Value = Annotated[Text, Field(max_length=2_000)] | int | float


class Listed(BaseModel, extra="forbid"):
    """One of the list, and what is said to them alone."""

    to: Address = Field(title="To")
    name: HeaderText | None = Field(default=None, title="Name", description="Shown beside the address.")
    values: dict[Annotated[str, Field(pattern=VARIABLE)], Value] = Field(
        default_factory=dict, max_length=50, title="Values", description="For the variables of the text."
    )

    @property
    def known(self) -> dict[str, Any]:
        """What its variables may name: `email`, `name`, and its values."""
        return {"email": self.to} | ({"name": self.name} if self.name else {}) | self.values


ListFile = Annotated[UUID, ArtifactField(accept=("text/*", "application/json"), max_bytes=100 * MEGABYTE)]


class Payload(BaseModel, extra="forbid"):
    """One text, and who gets it: from a file, or listed here."""

    file: ListFile | None = Field(
        default=None,
        title="List",
        description="CSV with a column named to or email, or JSON objects. Each address gets one mail.",
    )
    recipients: list[Listed] = Field(
        default_factory=list,
        max_length=MOST,
        title="Or recipients",
        description=f"Up to {MOST:,}, instead of a file.",
    )
    subject: Annotated[HeaderText, AfterValidator(check_pattern)] = Field(
        title="Subject", description='Variables as in the text: Hello {{ name|default:"friend" }}'
    )
    text: Annotated[Text, AfterValidator(check_pattern)] = Field(
        min_length=1,
        max_length=50_000,
        title="Text",
        description="{{ email }}, {{ name }} and each recipient's own values may stand in it.",
        json_schema_extra={"multiline": True},
    )
    button: Annotated[HeaderText, AfterValidator(check_pattern)] | None = Field(
        default=None, title="Button", description="What a button under the text says, if there is one."
    )
    link: Annotated[str, AfterValidator(check_pattern)] | None = Field(
        default=None,
        max_length=2000,
        pattern=LINK,
        title="Link",
        description="Where the button leads: https://…; a variable without blanks, as in ?id={{id}}.",
    )
    reply_to: Address | None = Field(
        default=None, title="Answers go to", description="Empty: to the sender of this installation."
    )
    again: bool = Field(
        default=False,
        title="Send doubtful ones again",
        description="Where nobody knows whether a mail was taken: risk a second one rather than none.",
    )

    @field_validator("recipients")
    @classmethod
    def _each_once(cls, recipients: list[Listed]) -> list[Listed]:
        first: dict[str, Listed] = {}
        for each in recipients:
            first.setdefault(each.to, each)
        return list(first.values())

    @model_validator(mode="after")
    def _can_be_written(self) -> Self:
        if bool(self.button) != bool(self.link):
            raise ValueError("button and link belong together: give both or neither")
        if bool(self.file) == bool(self.recipients):
            raise ValueError("give a file, or recipients, and not both")
        needs = Needs.of(self.patterns)
        wrong = [f"{each.to}: {why}" for each in self.recipients if (why := needs.unmet(each))]
        if wrong:
            more = f"; and {len(wrong) - PROBLEMS} more" if len(wrong) > PROBLEMS else ""
            raise ValueError("; ".join(wrong[:PROBLEMS]) + more)
        return self

    @property
    def patterns(self) -> dict[str, pattern.Pattern]:
        """Its texts, with their variables."""
        found = {"subject": self.subject, "text": self.text, "button": self.button}
        parsed = {name: pattern.parse(text, field=name) for name, text in found.items() if text}
        return parsed | ({"link": pattern.parse_link(self.link, field="link")} if self.link else {})


class Needs(NamedTuple):
    """What these texts ask of a recipient."""

    variables: frozenset[str]
    subject: pattern.Pattern

    @classmethod
    def of(cls, texts: Mapping[str, pattern.Pattern]) -> Self:
        return cls(frozenset().union(*(text.required for text in texts.values())), texts["subject"])

    def unmet(self, listed: Listed) -> str:
        """What stands against writing to this recipient; empty if nothing does."""
        known = listed.known
        if missing := sorted(self.variables - known.keys()):
            return f"there is no value for {', '.join(missing)}, and no default"
        try:
            writable.line("subject", self.subject.fill(known))
        except Unwritable as error:
            return f"the {error.field} {error.why}"
        return ""


def declare(payload: Payload) -> Iterator[Declared]:
    """A row of the ledger for each recipient, with what is said to them alone.

    Raises BadPayload, after the last, with every row of the file that cannot be sent to.
    """
    for each in payload.recipients or from_file(payload):
        yield Declared(each.to, {"name": each.name or "", "values": each.known})


def from_file(payload: Payload) -> Iterator[Listed]:
    """The recipients of the file, as long as none is bad; all are read, and the bad ones told."""
    assert payload.file is not None
    needs, problems, count = Needs.of(payload.patterns), list[Problem](), 0
    with opened(payload.file) as file:
        for row in recipients.read(file):
            count += 1
            found = understood(row, needs)
            if isinstance(found, str):
                problems.append(Problem(("file", row.line), found))
            elif not problems:
                yield found
    if problems or not count:
        raise BadPayload(KIND, told(problems) or [Problem(("file",), "lists nobody")])


def understood(row: recipients.Row, needs: Needs) -> Listed | str:
    """A row's recipient, or what is wrong with it."""
    if row.why:
        return row.why
    try:
        listed = Listed.model_validate(row.given)
    except ValidationError as error:
        return "; ".join(str(problem) for problem in bad_payload(KIND, error).problems)
    return needs.unmet(listed) or listed


def told(problems: list[Problem]) -> list[Problem]:
    """As many as somebody may read."""
    left = len(problems) - TOLD
    rest = [Problem(("file",), f"{left:,} more rows cannot be sent to")] if left > 0 else []
    return problems[:TOLD] + rest


@contextmanager
def opened(file: UUID) -> Iterator[IO[bytes]]:
    """The file as it was handed in; raises BadPayload if its content is gone."""
    try:
        with open_upload(file) as content:
            yield content
    except FileNotFoundError:
        raise BadPayload(KIND, [Problem(("file",), "is gone; hand it in again")]) from None


@job_kind(
    KIND,
    title="Send an email to a list",
    payload=Payload,
    example={
        "file": "guests.csv",
        "subject": 'Your flour is ready, {{ name|default:"dear guest" }}',
        "text": "We have ground {{ sacks }} sacks for you.\n\nThe mill is open until six.",
        "button": "See the order",
        "link": "https://example.org/orders?for={{email}}",
    },
    queue="email",
    timeout=timedelta(hours=1),
    retry=Retry(attempts=9, first=timedelta(minutes=1), longest=timedelta(hours=1)),
    items=declare,
)
def campaign(context: Context, payload: Payload) -> Result:
    """Running it twice sends nothing twice: each recipient is an item, claimed in chunks of at most 20.

    Where the worker died, or the connection broke, between handing a message over and hearing the answer, its
    recipient stays `uncertain`, or is sent to again if the payload says so. Every attempt uses the same
    Message-ID for the same recipient.
    """
    from workers.engines.mail import delivery, ours, transport
    from workers.engines.mail.header import Mailbox
    from workers.engines.mail.letter import Form, Recipient

    texts = payload.patterns
    answers_to = Mailbox(payload.reply_to) if payload.reply_to else None
    form = Form(ours.letter("message", texts.pop("subject"), texts, reply_to=answers_to))

    def write(item: ClaimedItem) -> transport.Posting:
        recipient = Recipient(
            mailbox=Mailbox(item.key, item.given["name"]),
            message_id=ours.message_id(context.job, item.id),
            values=item.given["values"],
        )
        return transport.Posting(form, recipient)

    context.items.decide("at_least_once" if payload.again else "at_most_once")
    with transport.opened() as way:
        found = delivery.deliver(context, way, write, most_tries=TRIES)
    return result(delivery.finish(context, found), found.refused[:PROBLEMS])


def result(counts: dict[ItemState, int], problems: list[str]) -> Result:
    """What became of all of them; raises Rejected if nobody could be reached."""
    accepted = sum(counts.values())
    if counts[ItemState.FAILED] == accepted:
        raise Rejected("; ".join(problems) or "Every recipient was refused.")
    ends = (ItemState.DONE, ItemState.FAILED, ItemState.SKIPPED, ItemState.UNCERTAIN)
    values: dict[str, Any] = {"accepted": accepted} | {state.value: counts[state] for state in ends}
    if counts[ItemState.UNCERTAIN]:
        values["note"] = (
            "Whether the uncertain ones got the mail cannot be known from here. Ask before sending again."
        )
    return Result(values=values | ({"problems": problems} if problems else {}))
