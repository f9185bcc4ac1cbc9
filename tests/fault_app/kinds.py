"""Kinds for tests: the payload is the fault."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from jobs.errors import Failed, Rejected
from jobs.limit import Limit, Rate
from jobs.registry import Result, job_kind
from jobs.retry import Retry
from jobs.states import ItemState
from workers.context import Context

SOON = Retry(attempts=3, first=timedelta(milliseconds=50), jitter=0)


class Effect(BaseModel):
    """`log` is a file outside the system under test: a line is added for every effect."""

    model_config = ConfigDict(extra="forbid")

    key: str = "x"
    log: str = ""


class Fault(Effect):
    """What goes wrong, and in which attempts."""

    do: Literal[
        "ok", "fail", "reject", "exit", "kill", "kill_main", "wait", "swallow", "spin", "regex", "check",
        "mute", "name_twice", "odd_log", "terminate",
    ] = "ok"  # fmt: skip
    until_attempt: int = 1_000_000
    gate: str = ""


def leave_effect(payload: Effect, context: Context) -> None:
    """O_APPEND writes of a line are whole, whoever writes."""
    if payload.log:
        with Path(payload.log).open("a") as log:
            log.write(f"{payload.key} {context.job} {context.attempt} {os.getpid()}\n")


@job_kind("test.ok", title="Do nothing, well", payload=Effect, example={"key": "a"}, retry=SOON)
def ok(context: Context, payload: Effect) -> Result:
    """Twice is as good as once."""
    leave_effect(payload, context)
    return Result(values={"key": payload.key, "attempt": context.attempt})


@job_kind(
    "test.tiny", title="A tiny job", payload=Effect, example={"key": "a"}, batch=100, queue="tiny", retry=SOON
)
def tiny(context: Context, payload: Effect) -> None:
    """Safe to repeat."""
    leave_effect(payload, context)


@job_kind(
    "test.batch_fault",
    title="A fault in a batch",
    payload=Fault,
    example={"do": "ok"},
    batch=10,
    queue="batches",
    retry=SOON,
)
def batch_fault(context: Context, payload: Fault) -> Result:
    """Safe to repeat."""
    return fault(context, payload)


@job_kind(
    "test.fault",
    title="A fault",
    payload=Fault,
    example={"do": "ok"},
    retry=SOON,
    timeout=timedelta(seconds=30),
)
def fault(context: Context, payload: Fault) -> Result:
    """What the payload says."""
    return do_fault(context, payload)


@job_kind(
    "test.short", title="A fault with little time", payload=Fault, example={"do": "ok"},
    retry=Retry(attempts=1), timeout=timedelta(seconds=0.4),
)  # fmt: skip
def short(context: Context, payload: Fault) -> Result:
    """The same under a short limit."""
    return do_fault(context, payload)


def do_fault(context: Context, payload: Fault) -> Result:
    leave_effect(payload, context)
    context.log.info("attempt_begins", do=payload.do)
    if context.attempt < payload.until_attempt:
        result = FAULTS[payload.do](context, payload)
        if result is not None:
            return result
    return Result(values={"key": payload.key, "attempt": context.attempt})


def fail(context: Context, payload: Fault) -> None:
    raise Failed("It failed, as asked.")


def reject(context: Context, payload: Fault) -> None:
    raise Rejected("It can never succeed, as asked.")


def leave(context: Context, payload: Fault) -> None:
    raise SystemExit(3)


def kill(context: Context, payload: Fault) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_main(context: Context, payload: Fault) -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    threading.Event().wait()


def wait(context: Context, payload: Fault) -> None:
    """Until the gate file is there."""
    while not Path(payload.gate).exists():
        time.sleep(0.02)


def swallow(context: Context, payload: Fault) -> None:
    """A kind that catches whatever it can."""
    while not Path(payload.gate).exists():
        with contextlib.suppress(BaseException):
            time.sleep(0.02)


def spin(context: Context, payload: Fault) -> None:
    """Its second effect says that it was stopped."""
    try:
        while True:
            pass
    finally:
        leave_effect(payload, context)


def regex(context: Context, payload: Fault) -> None:
    """One C call that holds the GIL for longer than anybody waits."""
    re.match(r"(a+)+$", "a" * 64 + "b")


def check(context: Context, payload: Fault) -> None:
    """A kind that obeys."""
    while True:
        context.progress(0.5, "half way")
        context.check()
        time.sleep(0.02)


class MuteError(Exception):
    """It cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def mute(context: Context, payload: Fault) -> None:
    raise MuteError


def name_twice(context: Context, payload: Fault) -> Result:
    saved = context.artifacts.save("a.txt", b"abc")
    return Result(artifacts=[saved, saved])


def odd_log(context: Context, payload: Fault) -> None:
    """File names that are no UTF-8 look like this."""
    context.progress(0.5, "read \udcff")
    context.log.info("read \udcff")


def terminate(context: Context, payload: Fault) -> None:
    """A program that a kind starts hears TERM, though the child does not."""
    program = subprocess.Popen(["sleep", "300"])
    program.terminate()
    try:
        program.wait(5)
    except subprocess.TimeoutExpired:
        program.kill()
        raise Failed("TERM had no effect") from None


FAULTS: dict[str, Callable[[Context, Fault], Result | None]] = {
    "mute": mute,
    "name_twice": name_twice,
    "odd_log": odd_log,
    "terminate": terminate,
    "ok": lambda context, payload: None,
    "fail": fail,
    "reject": reject,
    "exit": leave,
    "kill": kill,
    "kill_main": kill_main,
    "wait": wait,
    "swallow": swallow,
    "spin": spin,
    "regex": regex,
    "check": check,
}


class Mailing(Effect):
    """A job of many items."""

    items: int = 3
    kill_at: int = -1


@job_kind(
    "test.items", title="Many things", payload=Mailing, example={"items": 2}, retry=SOON,
    items=lambda payload: [f"item-{number}" for number in range(payload.items)],
)  # fmt: skip
def many(context: Context, payload: Mailing) -> Result:
    """Each item at most once."""
    done = 0
    while items := context.items.claim(1):
        if done == payload.kill_at and context.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        leave_effect(payload.model_copy(update={"key": f"{payload.key}/{items[0].key}"}), context)
        context.items.settle(items[0].key, ItemState.DONE)
        done += 1
    return Result(values={state.value: number for state, number in context.items.counts().items()})


class Guarded(Effect):
    """An effect that must not be repeated; with a `gate`, only once that file is there."""

    gate: str = ""


@job_kind("test.once", title="A letter", payload=Guarded, example={"key": "a"}, retry=SOON)
def once(context: Context, payload: Guarded) -> Result:
    """Its effect happens once, or nobody knows and it says so."""
    context.progress(0.5, "half way")
    while payload.gate and not Path(payload.gate).exists():
        context.check()
        time.sleep(0.02)
    with context.once("effect") as is_ours:
        if is_ours:
            leave_effect(payload, context)
    return Result(values={"key": payload.key, "effect": context.items.state("effect")})


class Limited(Fault):
    """Whose limits it is under; empty = none of that name."""

    account: str = ""
    host: str = ""
    pace: str = ""
    crowd: str = ""


@job_kind(
    "test.limited", title="A job under limits", payload=Limited, example={"account": "a"}, retry=SOON,
    queue="limited",
    limits=[
        Limit("account", by=lambda payload, owner: payload.account or None, at_once=3),
        Limit("host", by=lambda payload, owner: payload.host or None, at_once=1),
        Limit("pace", by=lambda payload, owner: payload.pace or None, rate=Rate(2, timedelta(hours=1))),
        Limit("crowd", by=lambda payload, owner: payload.crowd or None, at_once=20),
    ],
)  # fmt: skip
def limited(context: Context, payload: Limited) -> Result:
    """What the payload says."""
    return do_fault(context, payload)


class Poison(Effect):
    """A payload that does its harm when a worker reads it."""

    harm: Literal["none", "kill", "hang"] = "none"

    @field_validator("harm")
    @classmethod
    def do_harm(cls, harm: str, info: ValidationInfo) -> str:
        if "IN_WORKER" in os.environ and harm == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if "IN_WORKER" in os.environ and harm == "hang":
            threading.Event().wait()
        return harm


@job_kind(
    "test.poison", title="A poisonous payload", payload=Poison, example={"harm": "none"},
    retry=Retry(attempts=1), timeout=timedelta(seconds=0.4),
)  # fmt: skip
def poison(context: Context, payload: Poison) -> None:
    """Nothing is left to do."""
