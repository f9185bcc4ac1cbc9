"""Send a personal email to each of a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field, field_validator, model_validator

from jobs.errors import Rejected
from jobs.registry import Declared, Result, job_kind
from jobs.retry import Retry
from jobs.states import ItemState
from workers.context import Context
from workers.engines.addresses import Address, HeaderText, check_text
from workers.engines.mail import pattern, writable
from workers.engines.mail.writable import Unwritable

if TYPE_CHECKING:
    from jobs.items import ClaimedItem

MOST = 5_000
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


class Payload(BaseModel, extra="forbid"):
    """One text, and who gets it."""

    recipients: list[Listed] = Field(
        min_length=1, max_length=MOST, title="Recipients", description="Each address gets one mail."
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
        return list({each.to: each for each in reversed(recipients)}.values())[::-1]

    @model_validator(mode="after")
    def _can_be_written(self) -> Self:
        if bool(self.button) != bool(self.link):
            raise ValueError("button and link belong together: give both or neither")
        wrong = list(self._problems())
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

    def _problems(self) -> Iterator[str]:
        texts = self.patterns
        for each in self.recipients:
            try:
                for name, text in texts.items():
                    filled = text.fill(each.known)
                    if name == "subject":
                        writable.line("subject", filled)
            except Unwritable as error:
                yield f"{each.to}: the {error.field} {error.why}"


def declare(payload: Payload) -> Iterable[Declared]:
    """A row of the ledger for each recipient, with what is said to them alone."""
    return (Declared(each.to, {"name": each.name or "", "values": each.known}) for each in payload.recipients)


@job_kind(
    "email.campaign",
    title="Send an email to a list",
    payload=Payload,
    example={
        "recipients": [
            {"to": "ada@example.org", "name": "Ada", "values": {"sacks": 3}},
            {"to": "bob@example.org", "values": {"sacks": 12}},
        ],
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
