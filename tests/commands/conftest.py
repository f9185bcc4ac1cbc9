"""A kind for the command line, and a way to run a command as the shell does."""

import io
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Annotated, Literal, NamedTuple

import pydantic
import pytest
from django.core.management import ManagementUtility
from django.db import connections
from pydantic import Field

from jobs.artifacts import ArtifactField, ArtifactId
from jobs.registry import KINDS
from tests.running import make_kind

KIND = "tests.frame"


class Frame(pydantic.BaseModel, extra="forbid"):
    """A bit of everything that a payload may hold."""

    source: Annotated[ArtifactId, ArtifactField(accept=("text/plain",), help="what to frame")]
    width: int = Field(ge=16, le=4096, description="pixels")
    title: str = "no title"
    colours: list[str] = []
    is_round: bool = False
    style: Literal["plain", "baroque"] = "plain"
    more: dict[str, int] = {}


class Ran(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def frame_kind() -> Iterator[None]:
    KINDS.add(make_kind(KIND, Frame, queue="frames", module="tests.commands.conftest"))
    yield
    del KINDS._kinds[KIND]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """`manage.py` with these arguments, as the shell runs it, in the test's own transaction."""
    monkeypatch.setattr(connections, "close_all", lambda: None)

    def run_command(*arguments: object) -> Ran:
        out, err, code = io.StringIO(), io.StringIO(), 0
        with redirect_stdout(out), redirect_stderr(err):
            try:
                ManagementUtility(["manage.py", *map(str, arguments)]).execute()
            except SystemExit as leaving:
                code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        return Ran(code, out.getvalue(), err.getvalue())

    return run_command
