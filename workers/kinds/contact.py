"""Take in a message from the public contact form, and confirm it."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parseaddr
from typing import Annotated

from django.conf import settings
from pydantic import AfterValidator, BaseModel, Field

from jobs.conf import conf
from jobs.errors import Rejected
from jobs.registry import Result, job_kind
from jobs.retry import Retry
from jobs.states import ItemState
from workers.context import Context
from workers.engines.addresses import Address, HeaderText, check_text

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
    items=lambda payload: (SITE, CONFIRMATION),
)
def take_message(context: Context, payload: Payload) -> Result:
    """Running it twice sends neither mail twice.

    The confirmation repeats nothing the visitor wrote: whoever enters a stranger's address here must not be
    able to have us deliver their words.
    """
    from workers.engines import mail

    site = site_address()
    message = mail.Mail(
        subject=f"Message from {payload.name}",
        template="contact",
        values={"name": payload.name, "email": payload.email, "text": payload.message},
        to=[site],
        reply_to=payload.email,
        message_id=mail.message_id(context.job, SITE),
    )
    confirmation = mail.Mail(
        subject="We have received your message",
        template="confirmation",
        values={},
        to=[payload.email],
        message_id=mail.message_id(context.job, CONFIRMATION),
        auto_submitted="auto-replied",
    )
    refused: list[str] = []
    with mail.connected() as connection:
        for key, each in ((SITE, message), (CONFIRMATION, confirmation)):
            context.check()
            try:
                with context.once(key) as do_it:
                    if do_it:
                        mail.deliver(each, each.to[0], connection)
            except Rejected as error:
                refused.append(str(error))
            except mail.Undecided as error:
                context.log.warning("mail_uncertain", part=key, error=str(error))
    if context.items.state(SITE) == ItemState.FAILED:
        raise Rejected(f"The message could not be delivered to {site}: {'; '.join(refused)}")
    counts = context.items.counts()
    values = {
        "accepted": sum(counts.values()),
        "done": counts[ItemState.DONE],
        "failed": counts[ItemState.FAILED],
        "uncertain": counts[ItemState.UNCERTAIN],
    }
    return Result(values=values | ({"problems": refused} if refused else {}))


def site_address() -> str:
    """Who reads what visitors write: CONTACT_EMAIL, else the installation's own sender."""
    return conf().contact_email or parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
