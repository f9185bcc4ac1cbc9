"""Limits of mail, as the settings say them: how much goes through the account, and to each domain.

    EMAIL_ACCOUNT_LIMIT=100/s,8
    EMAIL_DOMAIN_LIMITS=gmail.com+googlemail.com=20/s,5 outlook.com=600/m *=50/s,10

`20/s,5` is twenty a second and five at once; either may be left out (`,5`). Domains that are joined by `+`
share a limit; `*` is for every other domain, for each of its own; `none` limits nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from jobs.limit import MOST_AT_ONCE, Bound
from jobs.mail.address import ascii_domain

LIMIT = re.compile(r"(?:(\d{1,9})/(\d{0,6})([smhd]))?(?:,(\d{1,6}))?")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
MOST_SECONDS = 30 * 86_400
DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
OTHERS, NONE = "*", "none"
GRAMMAR = (
    "Write 20/s,5 for twenty a second and five at once (s, m, h or d), 20/s or ,5 for one of them, or none."
)


class MailLimits(NamedTuple):
    """What holds: for the account, for domains that are named, and for each other domain."""

    account: Bound | None
    domains: Mapping[str, Bound | None]
    others: Bound | None

    def of(self, domain: str) -> Bound | None:
        """What holds for a domain, under the key that it shares; None if nothing does."""
        if domain in self.domains:
            return self.domains[domain]
        return self.others._replace(key=domain_key(domain)) if self.others else None

    def __bool__(self) -> bool:
        return bool(self.account or self.others or self.domains)


def domain_key(domain: str) -> str:
    """What a domain's traffic is counted under."""
    return f"domain={domain}"


@lru_cache(maxsize=8)
def read_limits(account: str, domains: str) -> MailLimits:
    """The settings, understood; raises ValueError, which names the setting, and what is wrong."""
    found: dict[str, Bound | None] = {}
    others = None
    for names, limit in _entries(domains):
        for name in names:
            if name in found or (name == OTHERS and others):
                raise ValueError(f"EMAIL_DOMAIN_LIMITS names {name} twice.")
        if names == [OTHERS]:
            others = limit
        else:
            found |= {name: limit._replace(key=domain_key(names[0])) if limit else None for name in names}
    return MailLimits(_limit(account.strip(), "EMAIL_ACCOUNT_LIMIT"), found, others)


def _entries(text: str) -> Iterator[tuple[list[str], Bound | None]]:
    for entry in text.split():
        left, equals, right = entry.partition("=")
        if not equals or not left:
            raise ValueError(f"EMAIL_DOMAIN_LIMITS: {entry!r} is not domain=limit, such as gmail.com=20/s,5.")
        names = [_domain(name) for name in left.split("+")]
        if OTHERS in names and len(names) > 1:
            raise ValueError(f"EMAIL_DOMAIN_LIMITS: {left!r} joins * with a domain; * stands alone.")
        yield names, _limit(right, f"EMAIL_DOMAIN_LIMITS, {left}")


def _domain(name: str) -> str:
    if name == OTHERS:
        return name
    try:
        domain = ascii_domain(name.strip("."))
    except ValueError:
        domain = ""
    if not DOMAIN.fullmatch(domain):
        raise ValueError(f"EMAIL_DOMAIN_LIMITS: {name!r} is no domain, such as gmail.com, nor *.")
    return domain


def _limit(text: str, where: str) -> Bound | None:
    """One limit, without its key."""
    if text in {"", NONE} and (text or where == "EMAIL_ACCOUNT_LIMIT"):
        return None
    found = LIMIT.fullmatch(text)
    if found is None or not text:
        raise ValueError(f"{where}: {text!r} is no limit. {GRAMMAR}")
    starts, many, unit, at_once = found.groups()
    seconds = int(many or 1) * SECONDS[unit] if unit else None
    if starts is not None and (int(starts) < 1 or not seconds or seconds > MOST_SECONDS):
        raise ValueError(f"{where}: {text!r} must allow at least 1 mail in 1 second to 30 days.")
    if at_once is not None and not 1 <= int(at_once) <= MOST_AT_ONCE:
        raise ValueError(f"{where}: {text!r} must allow 1 to {MOST_AT_ONCE:,} at once.")
    return Bound("", int(at_once) if at_once else None, int(starts) if starts else None, seconds)
