"""What the tests of kinds share."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests import smtp
from workers.engines.smtp import kept


@pytest.fixture
def post(settings: Settings) -> Iterator[smtp.Server]:
    """A real mail server, and Django told to use it as in production."""
    with smtp.running() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST = "127.0.0.1"
        settings.EMAIL_PORT = server.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_TIMEOUT = 5
        yield server
        kept.close_all()
