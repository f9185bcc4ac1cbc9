"""The account: every submit of a case, and what its caller was told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Answer(StrEnum):
    """What the caller of a submit knows."""

    OK = "ok"
    FAILED = "failed"
    """An error came back, or the transaction was rolled back: there must be nothing."""
    UNKNOWN = "unknown"
    """The answer was cut off: the whole job once, or nothing."""


@dataclass(frozen=True)
class Submit:
    """One job that was handed in. `key` is the name of its effect, one of a kind; `seconds` is how long the
    caller waited, None if that was noted with another job of the same call, or nobody waited."""

    key: str
    answer: Answer
    seconds: float | None = None


@dataclass
class Account:
    """The submits of one case."""

    submits: list[Submit] = field(default_factory=list)

    def note(self, key: str, answer: Answer, seconds: float | None = None) -> None:
        """Write one down."""
        self.submits.append(Submit(key, answer, seconds))

    def note_many(self, keys: list[str], answer: Answer, seconds: float) -> None:
        """Write down what was handed in by one call: its caller waited once."""
        for place, key in enumerate(keys):
            self.note(key, answer, seconds if place == 0 else None)

    def keys(self, answer: Answer) -> set[str]:
        """Those that were answered so; if asked again, `ok` outweighs `unknown`, and that `failed`."""
        heard: dict[str, set[Answer]] = {}
        for submit in self.submits:
            heard.setdefault(submit.key, set()).add(submit.answer)
        return {key for key, answers in heard.items() if best(answers) is answer}

    def counts(self) -> dict[str, int]:
        """Answer → how many."""
        return dict(Counter(submit.answer.value for submit in self.submits))

    def p99(self) -> float:
        """The seconds within which 99 % of the calls were answered."""
        waits = sorted(submit.seconds for submit in self.submits if submit.seconds is not None)
        return waits[min(len(waits) - 1, int(len(waits) * 0.99))] if waits else 0.0


def best(answers: set[Answer]) -> Answer:
    """What a caller knows after several answers about one thing."""
    return next(answer for answer in (Answer.OK, Answer.UNKNOWN, Answer.FAILED) if answer in answers)
