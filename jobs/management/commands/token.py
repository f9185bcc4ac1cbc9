"""Make, list and revoke the tokens by which programs say whose they are."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from jobs.management.door import FAILED, Door, find_owner
from jobs.management.span import span
from jobs.management.table import table
from jobs.models import Token
from jobs.tokens import Scope, make_token, revoke_tokens


class Command(Door):
    """Parse, call, print. A new token's secret is the only thing on standard output."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """One word for each act."""
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        create = acts.add_parser("create", help="make a token and show its secret, once")
        create.add_argument("name", metavar="NAME", help="what it is for")
        create.add_argument("--owner", metavar="USER", required=True, help="whose rights it passes on")
        create.add_argument(
            "--scope",
            action="append",
            choices=[scope.value for scope in Scope],
            help="may be repeated; default: submit and read",
        )
        create.add_argument(
            "--expires-in", type=span, metavar="SPAN", help="90d, 12h, …; default: it does not expire"
        )
        shown = acts.add_parser("list", help="list tokens, without their secrets")
        shown.add_argument("--owner", metavar="USER", help="only those of this user")
        shown.add_argument("--all", action="store_true", help="revoked and expired ones too")
        shown.add_argument("--json", action="store_true", help="one JSON object to a line")
        revoke = acts.add_parser("revoke", help="end tokens, and those they made")
        revoke.add_argument("ids", nargs="+", type=UUID, metavar="ID")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the act."""
        match options["act"]:
            case "create":
                self.create(options)
            case "list":
                self.show(options)
            case "revoke":
                self.revoke(options["ids"])

    def create(self, options: dict[str, Any]) -> None:
        """The secret on standard output, everything else beside it."""
        span_of_life = options["expires_in"]
        made = make_token(
            find_owner(options["owner"]),
            name=options["name"],
            scopes=options["scope"] or [Scope.SUBMIT, Scope.READ],
            expires_at=timezone.now() + span_of_life if span_of_life else None,
        )
        token = made.token
        self.stderr.write(
            f"Token {token.id} of {token.owner.get_username()}, for: {', '.join(token.scopes)}."
            " Its secret is not shown again:",
            style_func=str,
        )
        self.stdout.write(made.secret)

    def show(self, options: dict[str, Any]) -> None:
        """The newest first."""
        found = Token.objects.select_related("owner")
        if options["owner"]:
            found = found.filter(owner=find_owner(options["owner"]))
        if not options["all"]:
            found = found.filter(revoked_at=None).exclude(expires_at__lte=timezone.now())
        rows = [about(token) for token in found]
        if options["json"]:
            self.stdout.write("\n".join(json.dumps(row) for row in rows))
        else:
            heads = list(about_heads())
            self.stdout.write(table(heads, [[str(row[head]) for head in heads] for row in rows]))

    def revoke(self, ids: list[UUID]) -> None:
        """The ids that were ended now."""
        done = revoke_tokens(ids)
        for id in done:
            self.stdout.write(str(id))
        if not done:
            raise CommandError("None of these is a token that could be revoked.", returncode=FAILED)


def about_heads() -> tuple[str, ...]:
    return ("id", "owner", "name", "scopes", "ends in", "expires", "last used")


def about(token: Token) -> dict[str, str]:
    """A token as the list shows it."""
    expires, used = token.expires_at, token.last_used_at
    values = (
        str(token.id),
        token.owner.get_username(),
        token.name,
        ",".join(token.scopes),
        f"…{token.hint}",
        expires.isoformat(timespec="minutes") if expires else "never",
        used.isoformat(timespec="minutes") if used else "never",
    )
    return dict(zip(about_heads(), values, strict=True))
