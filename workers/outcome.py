"""How an attempt ended, decided from what its kind returned or raised. Nothing here acts."""

from __future__ import annotations

import re
import traceback

import pydantic_core

from jobs.artifacts import Saved
from jobs.attempt import Claimed, Outcome
from jobs.errors import BadPayload, Cancelled, Failed, JobError, MillraceError, Rejected, TimedOut
from jobs.registry import Kind, Result
from jobs.states import Code, State
from workers.limits import Interrupted, Why

TRACE_CHARACTERS = 20_000
RESULT_CHARACTERS = 1_000_000
NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""The character that jsonb refuses, as JSON writes it; after an odd number of backslashes it is only text."""


def succeeded(job: Claimed, result: Result | None) -> Outcome:
    """The kind returned; raises ValueError or TypeError if its values cannot be kept as JSON."""
    if not isinstance(result, Result | None):
        raise TypeError(f"{job.kind} returned {type(result).__name__}; return a Result, or nothing")
    values = None
    if result is not None and result.values:
        values = NUL.sub(r"\1\\ufffd", pydantic_core.to_json(result.values).decode())
        if len(values) > RESULT_CHARACTERS:
            raise ValueError(
                f"The result has {len(values):,} characters of JSON; {RESULT_CHARACTERS:,} is the limit. "
                "Save what is large as an artifact."
            )
    return Outcome(
        job=job.id, kind=job.kind, attempt=job.attempt, state=State.SUCCEEDED, result=values,
        was_troubled=is_troubled(job), limits=job.limits,
        artifacts=saved_by(job, result),
    )  # fmt: skip


def saved_by(job: Claimed, result: Result | None) -> list[Saved]:
    """The files a result names, each once; raises TypeError for anything that `save` did not return."""
    named = result.artifacts if result is not None else []
    for file in named:
        if not isinstance(file, Saved):
            raise TypeError(
                f"{job.kind} named {file!r} as an artifact; name what context.artifacts.save returned"
            )
    return list({file.id: file for file in named}.values())


def failed(job: Claimed, kind: Kind | None, error: BaseException) -> Outcome:
    """The kind raised, or was interrupted."""
    code = code_of(error)
    if code is Code.CANCELLED_BY:
        return cancelled(job)
    trace = "" if isinstance(error, MillraceError) else trace_of(error)
    text = text_of(error, kind)
    if code in {Code.REFUSED, Code.BAD_PAYLOAD} or kind is None:
        return ended(job, State.FAILED, code, text, trace)
    outcome = failed_once(job, kind, job.failures, code, text, trace)
    if isinstance(error, Failed) and error.again_in is not None and outcome.delay is not None:
        outcome.delay = max(outcome.delay, error.again_in)
    return outcome


def cancelled(job: Claimed) -> Outcome:
    """Somebody asked for the job to stop."""
    return ended(job, State.CANCELLED, Code.CANCELLED_BY, "Stopped because cancellation was asked.", "")


def failed_once(job: Claimed, kind: Kind, failures: int, code: Code, text: str, trace: str) -> Outcome:
    """A failure that counts: again after a backoff, or final once the budget is used up."""
    outcome = ended(job, State.FAILED, code, text, trace)
    if kind.retry.allows(failures + 1):
        outcome.state = State.RETRYING
        outcome.delay = kind.retry.delay(failures + 1)
    return outcome


def ended(job: Claimed, state: State, code: Code, text: str, trace: str) -> Outcome:
    """An outcome that is no success."""
    return Outcome(
        job=job.id, kind=job.kind, attempt=job.attempt, state=state, code=code, error=text, trace=trace,
        was_troubled=True, limits=job.limits,
    )  # fmt: skip


def code_of(error: BaseException) -> Code:
    """The stable word for what happened."""
    match error:
        case Interrupted(why=Why.CANCEL) | Cancelled():
            return Code.CANCELLED_BY
        case Interrupted(why=Why.TIMEOUT) | TimedOut():
            return Code.TIMEOUT
        case BadPayload():
            return Code.BAD_PAYLOAD
        case Rejected():
            return Code.REFUSED
        case _:
            return Code.ERROR


def text_of(error: BaseException, kind: Kind | None) -> str:
    """What a person reads."""
    if isinstance(error, Interrupted) and kind is not None:
        return f"The attempt ran longer than its limit of {kind.timeout.total_seconds():g} s and was stopped."
    name = type(error).__name__
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - an exception that cannot even say what it is
        return f"{name} (its own text could not be read)"
    if isinstance(error, JobError | MillraceError):
        return said or name
    return f"{name}: {said}".rstrip(": ")


def trace_of(error: BaseException) -> str:
    """The traceback, its end if it is long."""
    return "".join(traceback.format_exception(error))[-TRACE_CHARACTERS:]


def is_troubled(job: Claimed) -> bool:
    """Whether an earlier attempt failed or was lost, so that its end is worth a TaskResult."""
    return bool(job.failures or job.crashes)
