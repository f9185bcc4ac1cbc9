"""A worker that is killed after a line: nothing of ours runs any more, not even a `with` block's end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest

from jobs.items import Once


class Died(BaseException):
    """SIGKILL, as far as one process can play it to itself."""


@contextmanager
def dies_after(
    function: str, monkeypatch: pytest.MonkeyPatch, is_time: Callable[[], bool] = lambda: True
) -> Iterator[None]:
    """The process dies when that function returns, for the first time that it is time."""
    module, _, name = function.rpartition(".")
    real = getattr(import_module(module), name)

    def then_dies(*args: Any, **options: Any) -> Any:
        returned = real(*args, **options)
        if is_time():
            raise Died
        return returned

    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.{name}", then_dies)
        patch.setattr(Once, "__exit__", lambda *_: None)
        yield
