"""What the person at the terminal sees."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.embedded.errors import EmbeddedError
from core.embedded.launch import NOBODY
from core.embedded.postgres import Postgres
from core.supervisor.system import ADMIN, OPERATOR, System

NAME_WIDTH = 20
WHERE_WIDTH = 22


def in_one_sentence(work: Callable[[], int]) -> int:
    """The exit code of `work`; what keeps it from its work is told to the person, without a traceback."""
    try:
        return work()
    except EmbeddedError as error:
        print(f"millrace: {error}", file=sys.stderr)
    except PermissionError as error:
        why = f"{error.filename} belongs to somebody else: run the command as its owner, or set VAR_DIR"
        print(f"millrace: {why} to a folder of your own.", file=sys.stderr)
    except OSError as error:
        print(f"millrace: {error.filename or 'the system'}: {error.strerror}.", file=sys.stderr)
    return 1


def line(text: str) -> None:
    print(text, flush=True)


@contextmanager
def step(name: str, where: str = "") -> Iterator[None]:
    """One line: what is done, and how long it took."""
    began = time.monotonic()
    told = f"  {name:<{NAME_WIDTH}} {where:<{WHERE_WIDTH}}"
    # Without a terminal nobody watches the line grow.
    if sys.stdout.isatty():
        print(f"{told}     …", end="\r", flush=True)
    try:
        yield
    except BaseException:
        line(f"{told}     ✗")
        raise
    line(f"{told} {time.monotonic() - began:5.1f} s")


def address(system: System) -> str:
    """Where everything is, once it runs."""
    rows = {
        "Open": system.variables["PUBLIC_URL"],
        "Sign in": f"{OPERATOR} / {system.operator_password}",
        "Admin": f"{ADMIN} / {system.admin_password}",
        "Flower": f"{system.variables['PUBLIC_URL']}/flower/",
        "Mail": f"{system.folder / 'mail'} keeps every message" if system.mail else "sent by EMAIL_URL",
        "Logs": str(system.folder / "log"),
        "Stop": "Ctrl-C",
    }
    for server in system.servers:
        if isinstance(server, Postgres) and server.data != server.directory:
            rows["Data"] = f"{server.data}, where uid {NOBODY} can reach them"
    if system.external:
        rows["Not ours"] = ", ".join(system.external)
    return "\n".join(
        ["", "Millrace runs.", "", *(f"  {name:<9} {value}" for name, value in rows.items()), ""]
    )
