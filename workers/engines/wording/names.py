"""Names that a text uses and nobody on its list has: told once, of the text, not line by line of the list."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches

from jobs.errors import Problem
from jobs.mail.unsubscribe import VARIABLE
from workers.engines.wording.limits import Missing, Unfilled
from workers.engines.wording.part import Values
from workers.engines.wording.variants import Variant, Wording

GIVEN = {"email", VARIABLE}
"""What everybody has."""
SHOWN = 20
"""So many columns are named."""


class Names:
    """What was missing in the lines so far, each judged by `objection`."""

    def __init__(self, wording: Wording) -> None:
        self._wording = wording
        self._missing: dict[str, set[str]] = {}
        """By the language of the text, the first of each path."""

    def objection(self, values: Values, language: str) -> str:
        """Why the mail could not be written for this recipient; empty if it could."""
        try:
            self._wording.check(values, language)
        except Missing as error:
            variant = self._wording.choose(language)
            name = error.name.partition(".")[0]
            if name not in variant.own_names:
                self._missing.setdefault(variant.language, set()).add(name)
            return error.why
        except Unfilled as error:
            return error.why
        return ""

    def problems(self, columns: Collection[str], *, but: str) -> Iterator[Problem]:
        """The names that are no column of the list, each with the text that uses it; `but` says that."""
        known = GIVEN | set(columns)
        for language, missing in self._missing.items():
            if missing <= known:
                continue
            variant = self._wording.choose(language)
            for name in sorted((missing | variant.always) - known):
                fields = [field for field, names in variant.names.items() if name in names] or ["text"]
                place = (fields[0],) if variant is self._wording.first else ("translations",)
                yield Problem(place, f"{_in_words(fields, variant)} {name!r}, {but}{_hint(name, known)}")


def _in_words(fields: list[str], variant: Variant) -> str:
    of = f" ({variant.language})" if variant.language else ""
    return f"the {' and the '.join(fields)}{of} use{'' if fields[1:] else 's'}"


def _hint(name: str, known: set[str]) -> str:
    by_small = {each.lower(): each for each in sorted(known)}
    near = get_close_matches(name.lower(), by_small, n=1)
    ask = f" Did you mean {by_small[near[0]]!r}?" if near else ""
    names = sorted(known - {VARIABLE})
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f".{ask} Columns: {', '.join(names[:SHOWN])}{more}"
