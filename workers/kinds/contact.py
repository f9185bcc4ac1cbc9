"""Take in a message from the public contact form, and confirm it."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parseaddr
from typing import Annotated, Any

from django.conf import settings
from pydantic import AfterValidator, BaseModel, Field

from jobs.conf import conf
from jobs.errors import Rejected
from jobs.item_words import ItemWords
from jobs.items import ClaimedItem
from jobs.registry import Declared, Result, job_kind
from jobs.retry import Retry
from jobs.states import ItemState
from workers.context import Context
from workers.engines.addresses import Address, HeaderText, check_text
from workers.engines.mailed import own_message_id

SITE = "site"
CONFIRMATION = "confirmation"


class Payload(BaseModel, extra="forbid"):
    """What a visitor wants to say, and where the answer goes."""

    name: HeaderText = Field(title="Your name", max_length=100)
    email: Address = Field(
        title="Your email address", description="The answer goes there, and a confirmation."
    )
    message: Annotated[str, AfterValidator(check_text)] = Field(
        min_length=1, max_length=5_000, title="Your message", json_schema_extra={"multiline": True}
    )


@job_kind(
    "contact.message",
    title="Write to us",
    payload=Payload,
    example={"name": "Ada", "email": "ada@example.org", "message": "Does the mill run on Sundays?"},
    queue="email",
    timeout=timedelta(minutes=2),
    retry=Retry(attempts=5, first=timedelta(seconds=15), longest=timedelta(minutes=30)),
    public=True,
    thanks="Thank you. Your message is on its way, and a confirmation to your address.",
    items=lambda payload: mails(payload),
    item_words=ItemWords(
        one="mail",
        many="mails",
        states={"done": "sent"},
        undone="not sent",
        doubt="whether the mail server took the mail",
        twice=("is sent a second time", "are sent a second time"),
    ),
)
def take_message(context: Context, payload: Payload) -> Result:
    """Running it twice sends neither mail twice.

    The confirmation repeats nothing the visitor wrote: whoever enters a stranger's address here must not be
    able to have us deliver their words.
    """
    from workers.engines.mail import delivery, ours, transport
    from workers.engines.mail.header import Mailbox
    from workers.engines.mail.letter import Form, Recipient
    from workers.engines.mail.posting import Posting

    site = site_address()
    told = {"name": payload.name, "email": payload.email, "text": payload.message}
    subject = f"Message from {payload.name}"
    answer_to = Mailbox(payload.email)
    forms = {
        SITE: Form(ours.letter("contact", subject, told, reply_to=answer_to)),
        CONFIRMATION: Form(
            ours.letter("confirmation", "We have received your message", {}, auto_submitted="auto-replied")
        ),
    }
    addresses = {SITE: Mailbox(site), CONFIRMATION: answer_to}

    def write(item: ClaimedItem) -> Posting:
        message_id = own_message_id(context.job, item.id, item.given)
        return Posting(forms[item.key], Recipient(mailbox=addresses[item.key], message_id=message_id))

    with transport.opened() as way:
        found = delivery.deliver(context, way, write, chunk=1)
    if context.items.state(SITE) == ItemState.FAILED:
        raise Rejected(f"The message could not be delivered to {site}: {'; '.join(found.refused)}")
    counts = delivery.finish(context, found)
    values: dict[str, Any] = {
        "accepted": sum(counts.values()),
        "done": counts[ItemState.DONE],
        "failed": counts[ItemState.FAILED],
        "uncertain": counts[ItemState.UNCERTAIN],
    }
    values |= delivery.redirected(found)
    return Result(values=values | ({"problems": found.refused} if found.refused else {}))


def mails(payload: Payload) -> tuple[Declared, Declared]:
    """Both items, each with who gets its mail, so that a report about it is believed."""
    return (
        Declared(SITE, {"address": site_address()}), Declared(CONFIRMATION, {"address": payload.email})
    )  # fmt: skip


def site_address() -> str:
    """Who reads what visitors write: CONTACT_EMAIL, else the installation's own sender."""
    return conf().contact_email or parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
