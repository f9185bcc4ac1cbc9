"""The parameters in an address: what an operation does not know is refused, not passed over.

A program that misspells `filter` must not get everybody's jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from difflib import get_close_matches
from functools import wraps
from typing import Any

from django.http import HttpRequest
from ninja.operation import Operation

from jobs.api.problems import Refused, Wrong

LONGEST = 100
"""How much of a name is repeated."""


def refuse_unknown(operation: Operation) -> Callable[..., Any]:
    """The operation's function, asked only for addresses that it understands."""
    view = operation.view_func
    known = names_of(operation)

    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        check_names(request, known)
        return view(request, *args, **kwargs)

    return asked


def names_of(operation: Operation) -> list[str]:
    """What the operation takes in its address."""
    return [
        name
        for model in operation.models
        if model.__ninja_param_source__ == "query"
        for name in model.__ninja_flatten_map__
    ]


def check_names(request: HttpRequest, known: Collection[str]) -> None:
    """Raises Refused for names that are not known, and for one that stands twice."""
    wrong = [
        Wrong(f"query:{name[:LONGEST]}", why, "unknown_parameter") for name, why in faults(request, known)
    ]
    if wrong:
        raise Refused("unknown_parameter", " ".join(each.detail for each in wrong[:3]), errors=wrong)


def faults(request: HttpRequest, known: Collection[str]) -> list[tuple[str, str]]:
    """Each name that is no good, and why."""
    return [
        (name, explain(name, known) if name not in known else f"`{name}` stands twice; which one is meant?")
        for name, values in request.GET.lists()
        if name not in known or len(values) > 1
    ]


def explain(name: str, known: Collection[str]) -> str:
    """What there would be instead."""
    near = get_close_matches(name, known, n=1)
    if near:
        hint = f"; did you mean `{near[0]}`?"
    elif known:
        hint = f"; known are: {', '.join(f'`{each}`' for each in known)}."
    else:
        hint = ": it takes none."
    return f"This address takes no `{name[:LONGEST]}`{hint}"
