"""Redis as a broker: whether it takes writes, forgets under pressure, or forgets at a restart.

INFO is asked before CONFIG, which providers of managed servers forbid.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jobs.doctor.examine import first_line
from jobs.doctor.finding import Finding, Seen, problem, warning
from jobs.doctor.words import sentence, size

NEARLY, TOO = 0.8, 0.95
"""Which part of maxmemory is worth a warning, and which a problem."""
NOBODYS = "millrace:doctor"


def look_at_broker(connection: Any, took: float) -> Seen:
    """The server behind a connection of kombu's."""
    client = connection.default_channel.client
    info: dict[str, Any] = client.info()
    address = client.connection_pool.connection_kwargs
    cli = command_line(address.get("host"), address.get("port"))
    saves = setting(client, "save")
    findings = [
        *wrong_writes(client, info, cli),
        *wrong_eviction(info, cli),
        *wrong_memory(info, cli),
        *wrong_persistence(info, saves, cli),
    ]
    return Seen(summary(info, saves, took), findings)


def command_line(host: str | None, port: int | None) -> str:
    """What a remedy begins with; a password is asked from REDISCLI_AUTH, not shown."""
    return f"redis-cli -h {host or '127.0.0.1'} -p {port or 6379}"


def summary(info: dict[str, Any], saves: str | None, took: float) -> str:
    """One line about a server."""
    name = "Valkey" if info.get("server_name") == "valkey" else "Redis"
    version = info.get("valkey_version") or info.get("redis_version", "?")
    limit = int(info.get("maxmemory", 0))
    return sentence(
        [
            f"{name} {version} answers in {took * 1000:.0f} ms",
            str(info.get("maxmemory_policy", "")),
            "append-only file" if info.get("aof_enabled") else "snapshots" if saves else "",
            f"{size(info.get('used_memory', 0))} used" + (f" of {size(limit)}" if limit else ""),
        ]
    )


def wrong_writes(client: Any, info: dict[str, Any], cli: str) -> Iterator[Finding]:
    """A write that changes nothing meets READONLY, MISCONF, OOM and NOREPLICAS as any other does."""
    try:
        client.setrange(NOBODYS, 0, "")
    except Exception as error:  # noqa: BLE001 - the client's own tree of errors, read by their words
        told = first_line(error)
    else:
        return
    refusal = told.lower()
    if "read only" in refusal or "readonly" in refusal:
        yield problem(
            "redis.readonly",
            f"It is a read-only {info.get('role', 'replica')}"
            + (f" of {info['master_host']}:{info['master_port']}." if "master_host" in info else "."),
            why="No bell can be rung: jobs are accepted and do not start.",
            remedy=f"Let BROKER_URL name the primary, or promote this one: {cli} REPLICAOF NO ONE",
        )
    elif "oom" in refusal or "maxmemory" in refusal:
        yield problem(
            "redis.full",
            f"It refuses writes: {size(info['used_memory'])} of {size(info['maxmemory'])} used.",
            why="No bell can be rung: jobs are accepted and do not start.",
            remedy=f"Give it more: {cli} CONFIG SET maxmemory {2 * int(info.get('maxmemory', 0))}"
            f"   (what fills it: {cli} --bigkeys)",
        )
    else:
        yield problem(
            "redis.refuses",
            f"It refuses writes: {told}",
            why="No bell can be rung: jobs are accepted and do not start.",
            remedy=f"Mostly its disk is full or may not be written: {cli} CONFIG GET dir, then"
            f" {cli} INFO persistence",
        )


def wrong_eviction(info: dict[str, Any], cli: str) -> Iterator[Finding]:
    """A broker that forgets under pressure does so without a word."""
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy == "noeviction":
        return
    limit = int(info.get("maxmemory", 0))
    remedy = f"{cli} CONFIG SET maxmemory-policy noeviction   (and in redis.conf, or CONFIG REWRITE)"
    if policy.startswith("allkeys") and limit:
        yield problem(
            "redis.evicts",
            f"maxmemory-policy is {policy}, with a limit of {size(limit)}.",
            why="Once full it forgets whole queues without a word: bells are rung again within a sweep,"
            " plain Celery tasks are lost.",
            remedy=remedy,
        )
    else:
        yield warning(
            "redis.evicts",
            f"maxmemory-policy is {policy}"
            + (f", with a limit of {size(limit)}." if limit else ", with no limit yet."),
            why="Once full it forgets keys with a time of their own, rate limits among them."
            if policy.startswith("volatile")
            else "As soon as somebody sets a limit it forgets whole queues without a word.",
            remedy=remedy,
        )


def wrong_memory(info: dict[str, Any], cli: str) -> Iterator[Finding]:
    """How far from full."""
    limit, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    if not limit or used < NEARLY * limit:
        return
    make = problem if used >= TOO * limit else warning
    yield make(
        "redis.memory",
        f"{size(used)} of {size(limit)} used ({used / limit:.0%}).",
        why="When it is full, bells and rate limits are refused or forgotten.",
        remedy=f"{cli} CONFIG SET maxmemory {2 * limit}   (what fills it: {cli} --bigkeys)",
    )


def wrong_persistence(info: dict[str, Any], saves: str | None, cli: str) -> Iterator[Finding]:
    """What a restart would leave."""
    if not info.get("aof_enabled") and saves == "":
        yield warning(
            "redis.forgets",
            "It writes nothing to disk: no append-only file, no snapshots.",
            why="A restart loses plain Celery tasks that wait in it. Jobs are not in it.",
            remedy=f"{cli} CONFIG SET appendonly yes   (and in redis.conf, or CONFIG REWRITE)",
        )
    for part in ("aof_last_write_status", "rdb_last_bgsave_status"):
        if info.get(part, "ok") != "ok":
            yield wrong_disk(cli)


def wrong_disk(cli: str) -> Finding:
    """What Redis calls MISCONF."""
    return problem(
        "redis.disk",
        "It could not write to its disk the last time it tried (MISCONF).",
        why="It refuses every write until that works again: jobs are accepted and do not start.",
        remedy=f"Make room, or rights, in its folder ({cli} CONFIG GET dir); then {cli} BGSAVE",
    )


def setting(client: Any, name: str) -> str | None:
    """One of its settings; None where CONFIG is forbidden."""
    try:
        found: dict[str, Any] = client.config_get(name)
    except Exception:  # noqa: BLE001 - the client's own tree of errors; what is forbidden is not known
        return None
    value = found.get(name)
    return value if value is None else str(value)
