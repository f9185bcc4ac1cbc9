"""A real browser in front of real pages; Chromium from the distribution, driven by playwright."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from jobs import rate
from tests.factories import make_user

PASSWORD = "a long enough one"
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_SECONDS = 15
"""What is waited for on a page comes; playwright's own 5 s hardly see a page that reloads after 4."""

expect.set_options(timeout=PATIENCE_SECONDS * 1000)


def chromium() -> str | None:
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="module")
def browser(django_db_setup: None) -> Iterator[Browser]:
    """Not for the session: while it runs this thread has an event loop, which other tests must not meet.

    Django would take it for an asynchronous caller.
    """
    program = chromium()
    if program is None:
        pytest.skip("Chromium is missing: install it (apt-get install chromium), or name it in CHROMIUM.")
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        running = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield running
        running.close()


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, settings: Any, rung: list[str]) -> None:
    """No bells, quick passwords, and limits that another test has not tired."""
    monkeypatch.setattr(rate, "_rest_until", 0.0)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


class Visit:
    """One person at the pages; what the browser complains about is an error of the test."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.complaints: list[str] = []
        context.on("console", lambda message: self.hear(message.type, message.text))
        context.on("weberror", lambda error: self.hear("error", str(error.error)))
        self.page: Page = context.new_page()

    def hear(self, level: str, text: str) -> None:
        if level in ("error", "warning"):
            self.complaints.append(text)

    def sign_in(self, user: User, url: str) -> None:
        """As the sign-in page would leave it; that page has a test of its own."""
        client = Client()
        client.force_login(user)
        cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}
        self.context.add_cookies([cookie])  # type: ignore[list-item]


@pytest.fixture
def visit(browser: Browser, live_server: Any) -> Iterator[Any]:
    """Open a browser window: `visit(as_user, width=…, dark=…, script=…)`."""
    visits: list[Visit] = []

    def visit(
        user: User | None = None, *, width: int = 1280, dark: bool = False, script: bool = True
    ) -> Visit:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
        )
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        visits.append(Visit(context))
        if user:
            visits[-1].sign_in(user, live_server.url)
        return visits[-1]

    yield visit
    complaints = [one for each in visits for one in each.complaints]
    for each in visits:
        each.context.close()
    assert complaints == []


def person(name: str, *rights: str, **fields: bool) -> User:
    user = make_user(name, **fields)
    user.set_password(PASSWORD)
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return user


@pytest.fixture
def submitter(transactional_db: None) -> User:
    return person("alice", "submit_job")


@pytest.fixture
def operator(transactional_db: None) -> User:
    return person("olga", "submit_job", "operate_job", is_staff=True, is_superuser=True)
