"""What people call the items of a job that sends mail: its recipients."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from jobs.item_words import ItemWords

AGAIN = "again_of"
"""What a recipient who is sent to again is given: the job and the item of the first mail."""


def first_of(job: UUID, item: int, given: Any) -> tuple[UUID, int]:
    """The job and the item that a recipient's mail was first sent for."""
    first_job, first_item = (given or {}).get(AGAIN, (job, item))
    return UUID(str(first_job)), int(first_item)


def own_message_id(job: UUID, item: int, given: Any) -> str:
    """The Message-ID of a mail to this recipient alone, the same however often it is sent."""
    from workers.engines.mail import ours

    return ours.message_id(*first_of(job, item, given))


def shared_message_id(job: UUID, item: int, given: Any) -> str:
    """The Message-ID of the one mail of a job."""
    from workers.engines.mail import ours

    return ours.message_id(first_of(job, item, given)[0])


def words(reference_of: Any) -> ItemWords:
    """The words, with the Message-ID as its kind makes it."""
    return ItemWords(
        one="recipient",
        many="recipients",
        states={"done": "sent", "skipped": "suppressed"},
        undone="not sent",
        doubt="whether the mail server took the mail",
        again="Send again",
        again_risk="Whoever got the mail already gets it a second time. It keeps its Message-ID, so that many"
        " mail programs show it only once.",
        leave_risk="Whoever did not get the mail will not get it.",
        twice=("gets this a second time", "get this a second time"),
        returned="came back",
        reference="Message-ID",
        reference_note="A Message-ID is shown as the present settings make it. Mail that went out before"
        " FROM_EMAIL, SECRET_KEY or EMAIL_REDIRECT_TO changed had another end of it; what stands before the"
        " second dot never changes.",
        reference_of=reference_of,
    )


TO_EACH = words(own_message_id)
TO_ALL = words(shared_message_id)
