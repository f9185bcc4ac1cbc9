"""How every command of ours answers: results on standard output, one sentence on standard error if not."""

from __future__ import annotations

import getpass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError, connection

from jobs.errors import MillraceError
from jobs.owners import service_user
from jobs.text import MANAGE

FAILED = 1
"""The job failed or was cancelled, or nothing could be done."""
REFUSED = 2
"""What was asked is wrong: unknown kind, bad payload, bad file, no such job."""
TIMED_OUT = 3
"""The job is still on its way."""
NOT_RUNNING = 4
"""The database cannot be reached, or is not set up."""
INTERRUPTED = 130

COMMANDS = "commands"


class Door(BaseCommand):
    """A command: parse, call one verb, print. `--traceback` shows where an error came from."""

    requires_system_checks = []

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run it; turn what goes wrong into a sentence and an exit code."""
        try:
            return super().execute(*args, **options)
        except MillraceError as error:
            raise CommandError(str(error), returncode=REFUSED) from error
        except OperationalError as error:
            if is_reachable():
                raise CommandError(str(error).strip(), returncode=FAILED) from error
            raise CommandError(
                "Millrace is not running: start it with `make up`, or set DATABASE_URL.",
                returncode=NOT_RUNNING,
            ) from error
        except ProgrammingError as error:
            raise CommandError(
                f"The database is not set up for this version: run `{MANAGE} prepare`.",
                returncode=NOT_RUNNING,
            ) from error
        except KeyboardInterrupt:
            raise CommandError(self.interrupted(), returncode=INTERRUPTED) from None

    def interrupted(self) -> str:
        """What is said after Ctrl-C: what goes on, what was done."""
        return "Interrupted."


def actor() -> str:
    """Who does it, as a job's timeline tells."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        return "command line"


def find_owner(name: str | None) -> Any:
    """The user of that name, or the service user of commands."""
    if name is None:
        return service_user(COMMANDS)
    model = get_user_model()
    user = model.objects.filter(**{model.USERNAME_FIELD: name}).first()
    if user is None:
        raise CommandError(f"There is no user {name!r}. Make one in the admin.", returncode=REFUSED)
    return user


def is_reachable() -> bool:
    """Whether the database can be talked to at all."""
    connection.close()
    try:
        connection.ensure_connection()
    except OperationalError:
        return False
    return True
