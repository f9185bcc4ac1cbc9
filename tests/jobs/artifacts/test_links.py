"""Signed links to files."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
from django.core import signing

from jobs.artifacts import make_link
from jobs.artifacts.links import make_token, open_link
from jobs.conf import Conf
from jobs.errors import Gone, NotFound
from tests.factories import make_artifact

pytestmark = pytest.mark.django_db


def test_a_link_leads_to_its_file() -> None:
    artifact = make_artifact()

    assert open_link(make_token(artifact)) == artifact
    assert open_link(make_link(artifact).rpartition("/")[2]) == artifact
    assert open_link(make_token(artifact.id)) == artifact


def test_a_changed_link_leads_nowhere() -> None:
    mine, other = make_token(make_artifact()), make_artifact()

    for token in ("", "x", mine[:-1], mine.replace(mine[:32], other.id.hex), signing.dumps(other.id.hex)):
        with pytest.raises(NotFound):
            open_link(token)


@contextmanager
def clock(at: float) -> Iterator[None]:
    with mock.patch("django.core.signing.time.time", return_value=at):
        yield


@pytest.mark.parametrize(("hours", "step"), [(24, 3600), (100, 3600), (1, 150), (0.01, 1)])
@pytest.mark.parametrize("into", [0, 0.5, 0.999])
def test_a_link_lives_as_long_as_promised_and_at_most_a_step_longer(
    monkeypatch: pytest.MonkeyPatch, hours: float, step: int, into: float
) -> None:
    monkeypatch.setattr("jobs.artifacts.links.conf", lambda: Conf(link_hours=hours))
    artifact, made = make_artifact(), 3600 * 1000 + int(step * into)
    with clock(made):
        token = make_token(artifact)

    with clock(made + hours * 3600):
        assert open_link(token) == artifact
    with clock(made + hours * 3600 + step + 1), pytest.raises(Gone, match="expired"):
        open_link(token)


def test_a_link_stays_the_same_for_an_hour() -> None:
    artifact, links = make_artifact(), []
    for second in (0, 1, 3599, 3600):
        with clock(3600 * 1000 + second):
            links.append(make_link(artifact))

    assert links[0] == links[1] == links[2] != links[3]


def test_a_link_to_a_deleted_file_says_so() -> None:
    artifact = make_artifact()
    token = make_token(artifact)
    artifact.delete()

    with pytest.raises(Gone, match="was deleted"):
        open_link(token)
