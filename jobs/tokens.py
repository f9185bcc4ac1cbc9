"""Tokens: secrets that let a program act for its owner, within scopes, until a time.

A secret begins with `mill_` and ends with a checksum, so that scanners find one that leaked, and a typing
error is told from a token that was revoked. It is shown once; the database keeps its SHA-256.
"""

from __future__ import annotations

import hashlib
import secrets
import time
import zlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from jobs.conf import conf
from jobs.database import DJANGO
from jobs.errors import BadToken, NotAllowed, Refusal
from jobs.models import Token
from jobs.owners import lock_owner
from jobs.text import storable

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

PREFIX = "mill_"
SIGNS = digits + ascii_letters
RANDOM = 32
"""Signs of chance: 190 bits."""
CHECK = 6
HINT = 4
NAME_CHARACTERS = 100
MINUTE = timedelta(minutes=1)
KEPT = 10_000
"""How many tokens a process remembers at most; then it begins anew."""
WITH_FAMILY = """
    WITH RECURSIVE family AS (
        SELECT id FROM millrace_token WHERE id = ANY (%(ids)s)
        UNION SELECT child.id FROM millrace_token AS child JOIN family ON child.parent_id = family.id)
"""
FAMILY = f"{WITH_FAMILY} SELECT id FROM family"  # noqa: S608 - constants of ours
REVOKE = f"""
    {WITH_FAMILY}
    UPDATE millrace_token SET revoked_at = clock_timestamp()
     WHERE id IN (SELECT id FROM family) AND revoked_at IS NULL
    RETURNING id
"""  # noqa: S608 - constants of ours
USED = """
    UPDATE millrace_token SET last_used_at = clock_timestamp()
     WHERE id = %(id)s AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')
"""


class Scope(StrEnum):
    """What a token may do, if its owner may."""

    SUBMIT = "submit"
    READ = "read"
    CANCEL = "cancel"
    OPERATE = "operate"
    BOUNCES = "bounces"


SCOPE_OF = {"millrace_jobs.submit_job": Scope.SUBMIT, "millrace_jobs.operate_job": Scope.OPERATE}
"""The rights a token passes on, each with the scope it needs; it passes on no other."""


class Made(NamedTuple):
    """A new token, and its secret, which nobody sees again."""

    token: Token
    secret: str


class Holder(NamedTuple):
    """Who acts: a user with no more rights than the token gives; without a token a signed-in person."""

    user: User
    scopes: frozenset[str]
    token: Token | None

    @property
    def name(self) -> str:
        """Whose idempotency keys and limits these are."""
        return f"user:{self.user.pk}"


def make_token(
    owner: User,
    *,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None = None,
    parent: Token | None = None,
) -> Made:
    """A new token of this owner. One that a token makes reaches no further and lives no longer.

    Raises Refusal for a name, scope or time that is none, and if there are too many; NotAllowed for more than
    the parent has.
    """
    name = storable(name.strip(), NAME_CHARACTERS)
    if not name:
        raise Refusal("Give the token a name that says what it is for.")
    wanted = check_scopes(scopes)
    if expires_at is not None and expires_at <= timezone.now():
        raise Refusal("This token would have expired already. Give a time in the future.")
    if parent is not None:
        expires_at = within(parent, wanted, expires_at)
    secret = make_secret()
    with transaction.atomic():
        check_room(owner)
        token = Token.objects.create(
            id=uuid7(), name=name, owner=owner, parent=parent, digest=digest_of(secret), hint=secret[-HINT:],
            scopes=wanted, expires_at=expires_at,
        )  # fmt: skip
    token.refresh_from_db()
    return Made(token, secret)


def live_tokens(owner: User) -> QuerySet[Token]:
    """The tokens of this owner that open something."""
    found = Token.objects.filter(owner_id=owner.pk, revoked_at=None)
    return found.exclude(expires_at__lte=timezone.now())


def find_token(secret: str) -> Holder:
    """Who acts with this secret; raises BadToken, saying what is wrong with it.

    Asked of the database once in `token_seconds`: so long a token revoked elsewhere may live on here.
    """
    if not is_wellformed(secret):
        raise BadToken("This is no token of ours: it was cut off, or mistyped. Copy the whole of it.")
    digest = digest_of(secret)
    kept = _known  # if a token is revoked while we read, there is another one, without what we read
    known = kept.get(digest)
    if known is None or known[1] < time.monotonic():
        known = (_read(digest), time.monotonic() + conf().token_seconds)
        if len(kept) >= KEPT:
            kept.clear()
        kept[digest] = known
    holder = known[0]
    expires_at = holder.token.expires_at if holder.token else None
    if expires_at is not None and expires_at <= timezone.now():
        raise BadToken(f"This token expired at {expires_at.isoformat(timespec='seconds')}. Make a new one.")
    return holder


def family_of(token: Token) -> list[UUID]:
    """The token and every token it made."""
    return [row[0] for row in DJANGO.rows(FAMILY, {"ids": [token.id]})]


def revoke_tokens(ids: Sequence[UUID]) -> list[UUID]:
    """End these tokens and those they made; the ids that had not ended before."""
    ended = [row[0] for row in DJANGO.rows(REVOKE, {"ids": list(ids)})]
    # Not before: a request in another thread would read what is valid still, and believe it for a while.
    forget_known()
    DJANGO.after_commit(forget_known)
    return ended


def is_wellformed(secret: str) -> bool:
    """Whether it could be a token: told without asking anybody."""
    body = secret.removeprefix(PREFIX)
    is_ours = secret.startswith(PREFIX) and len(body) == RANDOM + CHECK and secret.isascii()
    return is_ours and checksum(body[:RANDOM]) == body[RANDOM:]


def forget_known() -> None:
    """Ask the database again for every token."""
    global _known
    _known = {}


def make_secret() -> str:
    """A secret that nobody has."""
    body = "".join(secrets.choice(SIGNS) for _ in range(RANDOM))
    return PREFIX + body + checksum(body)


def checksum(body: str) -> str:
    """CRC-32 in base 62: finds typing errors, protects nothing."""
    number, found = zlib.crc32(body.encode()), ""
    for _ in range(CHECK):
        number, rest = divmod(number, len(SIGNS))
        found = SIGNS[rest] + found
    return found


def digest_of(secret: str) -> str:
    """As the database keeps it. No salt and no slow hash: there is nothing to guess in 190 bits of chance."""
    return hashlib.sha256(secret.encode()).hexdigest()


def check_scopes(scopes: Collection[str]) -> list[str]:
    """The scopes in their order; raises Refusal for none, and for one that is none."""
    unknown = sorted(set(scopes) - set(Scope))
    if unknown or not scopes:
        asked = f"{unknown[0]!r} is no scope" if unknown else "A token needs a scope"
        raise Refusal(f"{asked}. There are: {', '.join(Scope)}.")
    return [scope.value for scope in Scope if scope in scopes]


def check_room(owner: User) -> None:
    """Raise Refusal if this owner has as many as one may have; until the commit nobody else counts them."""
    lock_owner(owner)
    most = conf().tokens_per_owner
    if live_tokens(owner).count() >= most:
        raise Refusal(f"You have {most} good tokens, which is the limit. Revoke one first.")


def within(parent: Token, scopes: Collection[str], expires_at: datetime | None) -> datetime | None:
    """When a child of this token expires at the latest; raises NotAllowed for a scope the parent lacks."""
    more = sorted(set(scopes) - set(parent.scopes))
    if more:
        raise NotAllowed(f"This token has no scope {more[0]!r} to give away. Sign in to make such a token.")
    times = [at for at in (expires_at, parent.expires_at) if at is not None]
    return min(times) if times else None


def limit_rights(user: User, scopes: Collection[str]) -> User:
    """The same user, who is asked for rights as ever, and has none beyond the scopes."""
    has_perm = user.has_perm

    def has_perm_within(right: str, obj: Any = None) -> bool:
        return SCOPE_OF.get(right) in scopes and has_perm(right, obj)

    user.has_perm = has_perm_within  # type: ignore[method-assign,assignment]
    return user


_known: dict[str, tuple[Holder, float]] = {}


def _read(digest: str) -> Holder:
    token = Token.objects.select_related("owner").filter(digest=digest).first()
    if token is None:
        raise BadToken("There is no such token. Make a new one.")
    if token.revoked_at is not None:
        raise BadToken("This token was revoked. Make a new one.")
    if not token.owner.is_active:
        raise BadToken("The owner of this token may not sign in any more.")
    if token.last_used_at is None or timezone.now() - token.last_used_at > MINUTE:
        DJANGO.rows(USED, {"id": token.id})
    return Holder(limit_rights(token.owner, token.scopes), frozenset(token.scopes), token)
