"""Send an email, with text and HTML from one template."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, field_validator, model_validator

from jobs.errors import Problem, Rejected
from jobs.mail.address import each_once
from jobs.mail.mailing import TO_ONE
from jobs.registry import Result, job_kind
from jobs.retry import Retry
from jobs.states import ItemState
from workers.context import Context
from workers.engines.addresses import Address, HeaderText, check_text
from workers.engines.enclosures import AttachedFile, Enclosures, ShownFile, Where, enclosure_problems
from workers.engines.mailed import TO_ALL, shared_message_id
from workers.engines.wording import BadWording
from workers.engines.wording.places import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from jobs.items import ClaimedItem
    from jobs.review import Used


class Payload(BaseModel, extra="forbid"):
    """One message and who gets it."""

    to: list[Address] = Field(
        min_length=1, max_length=10, title="To", description="One address to a line, up to ten."
    )
    subject: HeaderText = Field(title="Subject")
    text: Annotated[str, AfterValidator(check_text)] = Field(
        min_length=1,
        max_length=50_000,
        title="Text",
        description="Plain text; an empty line begins a new paragraph, addresses of web pages become links.",
        json_schema_extra={"multiline": True},
    )
    button: HeaderText | None = Field(
        default=None, title="Button", description="What a button under the text says, if there is one."
    )
    link: str | None = Field(
        default=None,
        max_length=2000,
        pattern=r"^https?://[^\s<>\"\x00-\x1f\x7f]+$",
        title="Link",
        description="Where the button leads: https://…",
    )
    html: Annotated[str, AfterValidator(check_text)] = Field(
        default="",
        max_length=200_000,
        title="HTML",
        description="Empty: the text in the layout of this installation.",
        json_schema_extra={"multiline": True, "rare": True},
    )
    images: list[ShownFile] = Field(
        default_factory=list,
        max_length=20,
        title="Images in the HTML",
        description='PNG, JPEG, GIF or WebP, each shown by its name: <img src="cid:logo.png" alt="…">.',
        json_schema_extra={"rare": True},
    )
    attachments: list[AttachedFile] = Field(
        default_factory=list, max_length=10, title="Attachments", description="Up to ten files."
    )
    reply_to: Address | None = Field(
        default=None, title="Answers go to", description="Empty: to the sender of this installation."
    )

    @field_validator("to")
    @classmethod
    def _each_once(cls, to: list[str]) -> list[str]:
        return each_once(to, str)

    @model_validator(mode="after")
    def _button_leads_somewhere(self) -> Self:
        if bool(self.button) != bool(self.link):
            raise ValueError("button and link belong together: give both or neither")
        if self.html and self.button:
            raise ValueError("a button belongs to the layout of this installation: put it into the HTML")
        return self

    @model_validator(mode="after")
    def _pictures_are_named(self) -> Self:
        try:
            shown(self.html, field="html")
        except BadWording as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def sources(self) -> Mapping[Where, str]:
        """The HTML, by its place."""
        return {("html",): self.html}

    def file_problems(self, files: Mapping[UUID, Used]) -> Iterator[Problem]:
        """Whether the HTML shows the images, and all of them, and a mail can carry it all."""
        return enclosure_problems(self, files)


@job_kind(
    "email.send",
    title="Send an email",
    label="subject",
    payload=Payload,
    example={
        "to": ["ada@example.org"],
        "subject": "The mill is running",
        "text": "Hello Ada,\n\nthe water is in, the wheel turns. The miller's note is attached.",
        "button": "See the jobs",
        "link": "https://example.org/jobs",
        "attachments": ["note.txt"],
    },
    queue="email",
    timeout=timedelta(minutes=5),
    retry=Retry(attempts=5, first=timedelta(seconds=15), longest=timedelta(minutes=30)),
    items=lambda payload: payload.to,
    item_words=TO_ALL,
)
def send(context: Context, payload: Payload) -> Result:
    """Running it twice sends nothing twice: each recipient is an item, done at most once.

    Where the worker died, or the connection broke, between handing a message over and hearing the answer, its
    recipient stays `uncertain`. Every attempt uses the same Message-ID.
    """
    from workers.engines.mail import delivery, ours, transport
    from workers.engines.mail.header import Mailbox
    from workers.engines.mail.letter import Form, Recipient
    from workers.engines.mail.pattern import fixed
    from workers.engines.mail.posting import Posting

    html, files = Enclosures(payload, context.artifacts, ours.sender().domain).of(payload.html)
    shared = {
        "to": [Mailbox(address) for address in payload.to],
        "reply_to": Mailbox(payload.reply_to) if payload.reply_to else None,
        "attachments": files,
    }
    if html:
        letter = ours.letter_of(fixed(payload.subject), fixed(payload.text), fixed(html), **shared)
    else:
        told = payload.model_dump(include={"text", "button", "link"})
        letter = ours.letter("message", payload.subject, told, **shared)
    form = Form(letter)
    message_id = shared_message_id(context.job, 0, None)

    def write(item: ClaimedItem) -> Posting:
        nonlocal message_id
        message_id = shared_message_id(context.job, item.id, item.given)
        return Posting(form, Recipient(mailbox=Mailbox(item.key), message_id=message_id))

    with transport.opened() as way:
        # One by one: if we die, one of them is undecided, and not all.
        found = delivery.deliver(context, way, write, chunk=1, leave_out=TO_ONE)
    counts, problems = delivery.finish(context, found), found.refused + found.left_out
    if counts[ItemState.FAILED] + counts[ItemState.SKIPPED] == sum(counts.values()):
        raise Rejected("; ".join(problems) or "Every recipient was refused or left out.")
    return Result(values={"message_id": message_id} | delivery.summary(counts, found, problems))
