"""What is offered is what the grammar takes: no offer is refused, and no field is forgotten."""

import pytest

from jobs.search import search
from jobs.search.fields import FIELDS
from jobs.search.offers import offers

pytestmark = pytest.mark.django_db


def test_every_field_is_offered():
    assert [offer["name"] for offer in offers()] == list(FIELDS)


def test_every_value_that_is_offered_is_understood(alice):
    written = [f"{offer['name']}:{value}" for offer in offers() for value, _ in offer["values"]]

    assert "state:failed" in written and "kind:images.resize" in written
    for text in written:
        assert search(text, user=alice).text == text
