"""A worker's view of the database: a connection of its own, and a holder's name."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from jobs.database import OwnDatabase


@pytest.fixture
def holder() -> UUID:
    return uuid4()


@pytest.fixture
def own(transactional_db: None) -> Iterator[OwnDatabase]:
    """For tests about what another connection sees."""
    database = OwnDatabase("test")
    yield database
    database.close()
