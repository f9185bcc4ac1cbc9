"""A backend of somebody else's, and what such ones raise, in the shapes of anymail, requests and boto."""

from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

FOREIGN = f"{__name__}.Foreign"


class Foreign(BaseEmailBackend):
    """Does what a test tells it: `fails` message by message, or `always`, or whom it `refuses`."""

    fails: list[Exception | None] = []
    opens: list[Exception | None] = []
    always: Exception | None = None
    refuses: dict[str, Exception] = {}
    takes: int | None = 1

    @classmethod
    def forget(cls) -> None:
        """As if it had never been used."""
        cls.fails, cls.opens, cls.always, cls.refuses, cls.takes = [], [], None, {}, 1

    def open(self) -> bool:
        if self.opens and (error := self.opens.pop(0)):
            raise error
        return True

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int | None:  # type: ignore[override]
        if error := self.fails.pop(0) if self.fails else self.always:
            raise error
        for recipient in email_messages[0].recipients():
            if recipient in self.refuses:
                raise self.refuses[recipient]
        return self.takes


class Response:
    """What requests answers: false where the status is an error."""

    def __init__(self, status_code: int) -> None:
        self.status_code = status_code

    def __bool__(self) -> bool:
        return self.status_code < 400


class RequestsHTTPError(OSError):
    """requests.HTTPError."""

    def __init__(self, *args: object, response: Any = None) -> None:
        super().__init__(*args)
        self.response = response


class AnymailError(Exception):
    """What all of anymail's have."""

    def __init__(self, *args: object, response: Any = None) -> None:
        super().__init__(*args)
        self.status_code: int | None = None
        self.response = response


class AnymailAPIError(AnymailError):
    """Of a service spoken to by a library of its own: boto's answer is a dictionary."""


class AnymailRequestsAPIError(AnymailAPIError, RequestsHTTPError):
    """Of a service spoken to by HTTP."""

    def __init__(self, *args: object, response: Any = None) -> None:
        super().__init__(*args, response=response)
        self.response = response
        if response is not None:
            self.status_code = response.status_code


class AnymailRecipientsRefused(AnymailError):
    """The service took the request, and nobody of its recipients."""


class AnymailInvalidAddress(AnymailError, ValueError):
    """Before anything is sent."""


class AnymailUnsupportedFeature(AnymailError, ValueError):
    """Before anything is sent."""


class AnymailSerializationError(AnymailError, TypeError):
    """Before anything is sent."""


class Speechless(Exception):
    """Cannot even be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no")


def answered(status: int, words: str = "Said so") -> AnymailRequestsAPIError:
    """The service answered with this status."""
    return AnymailRequestsAPIError(words, response=Response(status))


def boto(status: int) -> AnymailAPIError:
    """The same of Amazon's."""
    return AnymailAPIError("Said so", response={"ResponseMetadata": {"HTTPStatusCode": status}})
