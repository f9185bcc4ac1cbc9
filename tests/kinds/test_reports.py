"""reports.build: the activity of the system itself."""

import pytest

from jobs.artifacts import open_file
from jobs.errors import BadPayload
from jobs.registry import KINDS, Kind
from tests.factories import make_job
from tests.running import accept, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def kind() -> Kind:
    return KINDS.find("reports.build")


def test_every_file_that_was_asked_for_is_built(kind: Kind) -> None:
    make_job("succeeded", kind="email.send")
    make_job("failed", kind="email.send")

    result = run(kind, accept(kind, {"period": "day"}))

    assert [(saved.name[-4:], saved.media_type) for saved in result.artifacts] == [
        (".pdf", "application/pdf"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (".csv", "text/csv"),
    ]
    assert result.values["succeeded"] == 1
    assert result.values["failed"] == 1
    assert result.values["submitted"] == 3, "this report's own job is one of them"
    assert result.values["running"] == 1


@pytest.mark.parametrize("period", ["hour", "day", "week", "month", "year"])
def test_every_period_can_be_reported(kind: Kind, period: str) -> None:
    make_job("succeeded")

    [csv] = run(kind, accept(kind, {"period": period, "formats": ["csv", "csv"]})).artifacts

    assert csv.name.endswith(".csv")
    with open_file(csv.path) as file:
        assert b"test.ok,succeeded,1" in file.read()


@pytest.mark.parametrize(
    ("field", "value"), [("period", "decade"), ("formats", []), ("formats", ["doc"]), ("x", 1)]
)
def test_nonsense_is_refused(kind: Kind, field: str, value: object) -> None:
    with pytest.raises(BadPayload, match=field):
        kind.validate({field: value})
