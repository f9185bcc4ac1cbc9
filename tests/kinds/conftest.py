"""What the tests of kinds share."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests import smtp
from tests.mail_settings import SMTP, point_at
from tests.smtp_script import ScriptedServer, scripted
from workers.engines.smtp import kept


@pytest.fixture
def post(settings: Settings) -> Iterator[smtp.Server]:
    """A real mail server, and Django told to use it as in production."""
    with smtp.running() as server:
        settings.EMAIL_BACKEND = SMTP
        point_at(server.port, settings)
        yield server
        kept.close_all()


@pytest.fixture
def mill(settings: Settings) -> Iterator[ScriptedServer]:
    """The same, one that follows a script."""
    with scripted() as server:
        settings.EMAIL_BACKEND = SMTP
        point_at(server.port, settings)
        yield server
        kept.close_all()
