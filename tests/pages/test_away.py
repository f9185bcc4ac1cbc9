"""While the database is away people are told so, and when to come again."""

import pytest
from django.db import InterfaceError, OperationalError
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import Client


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize("path", ["/", "/jobs", "/jobs/0198c9f5-0000-7000-8000-000000000000", "/queues"])
def test_a_database_that_is_away_is_a_503(
    path: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cursor(self: DatabaseWrapper, *args: object) -> None:
        raise error("the connection was refused")

    monkeypatch.setattr(DatabaseWrapper, "cursor", cursor)
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "a-session-of-somebody"

    answer = client.get(path)

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    text = answer.content.decode()
    assert "No accepted job is lost" in text
    assert "look whether it was done" in text  # it may have been: the connection may break as it commits
    assert "Nothing was done" not in text


def test_another_mishap_is_a_500(monkeypatch: pytest.MonkeyPatch) -> None:
    def cursor(self: DatabaseWrapper, *args: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(DatabaseWrapper, "cursor", cursor)
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "a-session-of-somebody"

    assert client.get("/jobs").status_code == 500
