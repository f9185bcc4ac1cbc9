"""Make everything ready: wait for the database, migrate, make folders and, if asked, sign-ins."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.files.storage import FileSystemStorage, storages
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection

from jobs.checks import wrong_server
from jobs.owners import ADMIN, OPERATOR

LOOK_SECONDS = 0.25
NOT_RUNNING = 4
BYTES_OF_A_PASSWORD = 12


class Command(BaseCommand):
    """Safe to run again, and by several at once: migrations wait for each other."""

    help = __doc__ or ""
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """How long to wait, and for whom to make a sign-in."""
        parser.add_argument("--wait", type=float, default=60, metavar="SECONDS", help="for the database (60)")
        parser.add_argument(
            "--operator",
            metavar="NAME",
            default=settings.OPERATOR_NAME,
            help="make sure that this operator exists (OPERATOR_NAME); a new one gets OPERATOR_PASSWORD",
        )
        parser.add_argument(
            "--admin",
            metavar="NAME",
            default=settings.ADMIN_NAME,
            help="make sure that this admin exists (ADMIN_NAME); a new one gets ADMIN_PASSWORD",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """One step after the other; each says what it did."""
        wait_for_database(options["wait"])
        migrate(verbosity=options["verbosity"])
        make_folders()
        wanted = {
            OPERATOR: (options["operator"], settings.OPERATOR_PASSWORD),
            ADMIN: (options["admin"], settings.ADMIN_PASSWORD),
        }
        for role, (name, password) in wanted.items():
            made_up = make_person(name, password, role=role) if name else ""
            if made_up:
                self.stdout.write(f"Sign in as {name} with {made_up} (shown this once).")
        self.stdout.write("Ready.")


def wait_for_database(seconds: float) -> None:
    """Return when it answers; a wrong password or name is told at once."""
    until = time.monotonic() + seconds
    while True:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            if is_final(error) or time.monotonic() >= until:
                raise CommandError(
                    f"The database does not let us in: {first_line(error)}. Is DATABASE_URL right?",
                    returncode=NOT_RUNNING,
                ) from error
            time.sleep(LOOK_SECONDS)
        else:
            break
    for problem in wrong_server(connection.pg_version // 10_000):  # type: ignore[attr-defined]
        raise CommandError(f"{problem.msg} {problem.hint}")


def first_line(error: Exception) -> str:
    """What the server said, without the client's advice."""
    return str(error).strip().splitlines()[0].rstrip(".")


def is_final(error: OperationalError) -> bool:
    """Whether waiting would not help: the server is there, and says no."""
    return "password authentication failed" in str(error) or "does not exist" in str(error)


def migrate(verbosity: int) -> None:
    """One process migrates, the others wait for it and find nothing to do.

    The lock is the transaction's, so that it also holds through a connection pooler; it is on a connection
    of its own, because a migration may end the transaction of the other.
    """
    lock = connection.copy()
    try:
        with lock.cursor() as cursor:
            lock.set_autocommit(False)
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('millrace prepare'))")
            call_command("migrate", interactive=False, verbosity=max(verbosity - 1, 0))
            lock.rollback()
    finally:
        lock.close()


def make_folders() -> None:
    """Where files are kept, if that is a folder."""
    storage = storages["default"]
    if isinstance(storage, FileSystemStorage):
        try:
            Path(storage.location).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(
                f"Files cannot be kept in {storage.location} ({error.strerror}): change MEDIA_DIR."
            ) from error


def make_person(name: str, password: str, *, role: str) -> str:
    """Make sure of somebody with that role; the password that was made up, or nothing.

    They may open the admin, which shows them what their role may see. Somebody who exists keeps the password
    and the rights they have.
    """
    model = get_user_model()
    user, is_new = model.objects.get_or_create(**{model.USERNAME_FIELD: name})  # type: ignore[arg-type]
    if not is_new:
        return ""
    made_up = "" if password else secrets.token_urlsafe(BYTES_OF_A_PASSWORD)
    user.set_password(password or made_up)
    user.is_staff = True
    user.save()
    user.groups.add(*Group.objects.filter(name=role))
    return made_up
