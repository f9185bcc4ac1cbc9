"""Send a personal email to each of a list."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, JsonValue, field_validator, model_validator

from jobs.artifacts import ArtifactField
from jobs.errors import Problem, Rejected
from jobs.mail.address import each_once
from jobs.mail.mailing import TO_MANY
from jobs.mail.unsubscribe import VARIABLE as UNSUBSCRIBE
from jobs.registry import Result, job_kind
from jobs.retry import Retry
from jobs.review import Used
from jobs.states import ItemState
from workers.context import Context
from workers.engines.addresses import Address, HeaderText, check_text
from workers.engines.campaign import CampaignReview, entries
from workers.engines.enclosures import AttachedFile, Enclosures, ShownFile, Where, enclosure_problems
from workers.engines.mailed import TO_EACH, own_message_id
from workers.engines.recipients import Charset
from workers.engines.wording import BadWording, Names, Unfilled, Variant, Wording
from workers.engines.wording.places import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jobs.items import ClaimedItem

LISTS = ("text/*", "application/json", "application/octet-stream")
"""Octets: a text in an older charset looks like that until its charset is told."""
RARE: dict[str, JsonValue] = {"rare": True}
MOST = 5_000
TRIES = 6
"""So often a recipient may be put off (greylisting, a full mailbox)."""
PROBLEMS = 20
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
LINK = r"^https?://[^<>\"\x00-\x1f\x7f]+$"


def check_link(link: str) -> str:
    """A link has no blanks outside of its variables."""
    if re.search(r"\s", re.sub(r"\{\{.*?\}\}", "", link)):
        raise ValueError("has a blank; write %20 for it")
    return link


Text = Annotated[str, AfterValidator(check_text)]
Value = Annotated[Text, Field(max_length=2_000)] | int | Annotated[float, Field(allow_inf_nan=False)]


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


class Translation(BaseModel, extra="forbid"):
    """The same mail for who asks for another language."""

    language: str = Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$", max_length=35, title="Language")
    subject: HeaderText = Field(title="Subject")
    text: Text = Field(min_length=1, max_length=50_000, title="Text", json_schema_extra={"multiline": True})
    html: Text = Field(default="", max_length=200_000, title="HTML", json_schema_extra={"multiline": True})
    button: HeaderText | None = Field(default=None, title="Button")


class Payload(BaseModel, extra="forbid"):
    """One text, and who gets it."""

    file: Annotated[UUID, ArtifactField(accept=LISTS)] | None = Field(
        default=None,
        title="List",
        description="CSV, whose first line names the columns (one of them email), or JSON. Each column is a"
        " variable; name and language are known by these names. For a few, leave it out and give recipients.",
    )
    charset: Charset = Field(
        default="auto",
        title="Charset of the list",
        description="Only for a list that is not UTF-8 and has no byte order mark.",
        json_schema_extra=RARE,
    )
    recipients: list[Listed] = Field(
        default_factory=list,
        max_length=MOST,
        title="Or recipients",
        description="Instead of a list. Each address gets one mail.",
        json_schema_extra=RARE,
    )
    subject: HeaderText = Field(
        title="Subject", description='Variables as in the text: Hello {{ name|default:"friend" }}'
    )
    text: Text = Field(
        min_length=1,
        max_length=50_000,
        title="Text",
        description="{{ email }} and the columns of the list may stand in it, and"
        " {% if … %}, {% for … %}, and {{ unsubscribe_url }}, where its reader leaves the list. It is always"
        " sent, and has to do without HTML.",
        json_schema_extra={"multiline": True},
    )
    html: Text = Field(
        default="",
        max_length=200_000,
        title="HTML",
        description="Empty: the text in the layout of this installation.",
        json_schema_extra={"multiline": True},
    )
    images: list[ShownFile] = Field(
        default_factory=list,
        max_length=20,
        title="Images in the HTML",
        description='PNG, JPEG, GIF or WebP, each shown by its name: <img src="cid:logo.png" alt="…">.',
    )
    attachments: list[AttachedFile] = Field(
        default_factory=list, max_length=10, title="Attachments", description="Files that everybody gets."
    )
    button: HeaderText | None = Field(
        default=None, title="Button", description="What a button under the text says, if there is one."
    )
    link: Annotated[str, AfterValidator(check_link)] | None = Field(
        default=None,
        max_length=2000,
        pattern=LINK,
        title="Link",
        description="Where the button leads: https://…, with variables as in ?id={{ id }}.",
    )
    language: str = Field(
        default="",
        pattern=r"^([A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*)?$",
        max_length=35,
        title="Language",
        description="That of the text above, such as en; it goes to all whose own is not below.",
        json_schema_extra=RARE,
    )
    translations: list[Translation] = Field(
        default_factory=list,
        max_length=50,
        title="Other languages",
        description="For recipients with that language.",
        json_schema_extra=RARE,
    )
    reply_to: Address | None = Field(
        default=None, title="Answers go to", description="Empty: to the sender of this installation."
    )
    again: bool = Field(
        default=False,
        title="Send doubtful ones again",
        description="Where nobody knows whether a mail was taken: risk a second one rather than none.",
        json_schema_extra=RARE,
    )
    test_to: Address | None = Field(
        default=None,
        title="Only a test, to",
        description="One mail to this address, as one of the list would get it; nobody else is sent to.",
        json_schema_extra=RARE,
    )
    test_of: int = Field(
        default=1,
        ge=1,
        title="Test with no.",
        description="Which of the list, from 1.",
        json_schema_extra=RARE,
    )

    @field_validator("recipients")
    @classmethod
    def _each_once(cls, recipients: list[Listed]) -> list[Listed]:
        return each_once(recipients, lambda each: each.to)

    @model_validator(mode="after")
    def _can_be_written(self) -> Self:
        if (self.file is None) == (not self.recipients):
            raise ValueError("give a file, or recipients, and not both")
        if bool(self.button) != bool(self.link):
            raise ValueError("button and link belong together: give both or neither")
        if self.html and self.button:
            raise ValueError("a button belongs to the layout of this installation: put it into the HTML")
        try:
            wording = self.wording
            for source in self.sources.values():
                shown(source, field="html")
        except BadWording as error:
            raise ValueError(str(error)) from None
        names = Names(wording)
        wrong = [
            f"{each.to}: it {why}"
            for each in self.recipients
            if (why := names.objection(each.known, str(each.known.get("language", ""))))
        ]
        columns = {name for each in self.recipients for name in each.known} if wrong else ()
        if unknown := list(names.problems(columns, but="and no recipient has a value of that name")):
            raise ValueError("; ".join(problem.why for problem in unknown))
        if wrong:
            more = f"; and {len(wrong) - PROBLEMS} more" if len(wrong) > PROBLEMS else ""
            raise ValueError("; ".join(wrong[:PROBLEMS]) + more)
        return self

    def file_problems(self, files: Mapping[UUID, Used]) -> Iterator[Problem]:
        """Whether the HTML shows the images, and all of them, and a mail can carry it all."""
        return enclosure_problems(self, files)

    @property
    def sources(self) -> Mapping[Where, str]:
        """Every HTML, by its place."""
        others: dict[Where, str] = {
            ("translations", number, "html"): each.html for number, each in enumerate(self.translations)
        }
        return {("html",): self.html, **others}

    @cached_property
    def wording(self) -> Wording:
        """Its texts in all languages, understood; raises BadWording."""
        first = Variant(
            subject=self.subject, text=self.text, html=self.html, button=self.button or "",
            link=self.link or "", language=self.language,
        )  # fmt: skip
        others = [
            Variant(
                subject=each.subject, text=each.text, html=each.html, button=each.button or "",
                link=(self.link or "") if each.button else "", language=each.language,
            )
            for each in self.translations
        ]  # fmt: skip
        return Wording([first, *others])


@job_kind(
    "email.campaign",
    title="Send an email to a list",
    label="subject",
    payload=Payload,
    example={
        "file": "guests.csv",
        "subject": 'Your flour is ready, {{ name|default:"dear guest" }}',
        "text": "We have ground {{ sacks }} sack{{ sacks|pluralize }} for you.\n\nWe are open until six.",
        "button": "See the order",
        "link": "https://example.org/orders?for={{email}}",
    },
    queue="email",
    timeout=timedelta(hours=1),
    retry=Retry(attempts=9, first=timedelta(minutes=1), longest=timedelta(hours=1)),
    entries=entries,
    review=CampaignReview(),
    item_words=TO_EACH,
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
    from workers.engines.mail.posting import Posting
    from workers.engines.wording import letter

    answers_to = Mailbox(payload.reply_to) if payload.reply_to else None
    enclosures = Enclosures(payload, context.artifacts, ours.sender().domain)
    forms = {}
    for variant in payload.wording.variants.values():
        html, files = enclosures.of(variant.html)
        made = letter(replace(variant, html=html), reply_to=answers_to, attachments=files)
        forms[variant.language] = Form(made)

    def write(item: ClaimedItem) -> Posting:
        link = context.mailing.link(item.key)
        known = {"email": item.key, **item.given["values"], UNSUBSCRIBE: link}
        variant = payload.wording.choose(str(known.get("language", "")))
        recipient = Recipient(
            mailbox=Mailbox(item.key, str(known.get("name", ""))),
            message_id=own_message_id(context.job, item.id, item.given),
            values=filled(variant, known),
            unsubscribe=link,
        )
        return Posting(forms[variant.language], recipient)

    context.items.decide("at_least_once" if payload.again else "at_most_once")
    with transport.opened() as way:
        found = delivery.deliver(context, way, write, most_tries=TRIES, leave_out=TO_MANY)
    counts = delivery.finish(context, found)
    if counts[ItemState.FAILED] == sum(counts.values()):
        raise Rejected("; ".join(found.refused) or "Every recipient was refused.")
    return Result(values=delivery.summary(counts, found, found.refused))


def filled(variant: Variant, known: dict[str, Any]) -> dict[str, str]:
    """What goes into the holes; one that cannot be filled stays open, and the letter will say so."""
    try:
        return variant.values(known)
    except Unfilled:
        return {}
