"""Tokens on their page: the secret once, own ones only."""

import re

import pytest
from django.test import Client

from jobs.models import Token
from jobs.tokens import make_token

pytestmark = pytest.mark.django_db


def test_a_token_is_made_and_its_secret_shown_once(page: Client, submitter) -> None:
    made = page.post("/tokens", {"name": "ci", "scopes": ["read"], "days": "90"})

    secret = re.search(r"mill_\w+", made.content.decode())[0]
    program = Client(headers={"Authorization": f"Bearer {secret}"})
    assert program.get("/api/v1/me").json()["name"] == "alice"
    assert Token.objects.get().expires_at is not None
    assert "no-store" in made["Cache-Control"]
    again = page.get("/tokens").content.decode()
    assert secret not in again
    assert "ci" in again


@pytest.mark.parametrize(
    "sent", [{}, {"name": "ci"}, {"name": "ci", "scopes": ["root"]}, {"scopes": ["read"]}]
)
def test_what_does_not_fit_is_marked_and_makes_nothing(page: Client, sent: dict) -> None:
    assert page.post("/tokens", sent).status_code == 422
    assert not Token.objects.exists()


def test_operate_is_offered_to_operators_alone(page: Client, office: Client) -> None:
    assert 'value="operate"' not in page.get("/tokens").content.decode()
    assert 'value="operate"' in office.get("/tokens").content.decode()
    assert page.post("/tokens", {"name": "x", "scopes": ["operate"]}).status_code == 422


def test_a_revoked_token_opens_nothing(page: Client, submitter) -> None:
    made = make_token(submitter, name="ci", scopes=["read"])

    page.post(f"/tokens/{made.token.id}/revoke")

    program = Client(headers={"Authorization": f"Bearer {made.secret}"})
    assert program.get("/api/v1/me").status_code == 401


def test_the_docs_of_the_api_name_every_operation(client: Client) -> None:
    text = client.get("/api/v1/docs").content.decode()

    for path, methods in client.get("/api/v1/openapi.json").json()["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in text
    assert "http://testserver/api/v1/jobs" in text.replace("&#x27;", "'")
