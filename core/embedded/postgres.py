"""A PostgreSQL server from a wheel, run as a real server under one folder.

`initdb` works beside the final folder and the result is moved into place, so a folder that exists is whole.
"""

import os
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path

from core.embedded import places
from core.embedded.account import Account, choose_account, launch_command
from core.embedded.errors import EmbeddedError
from core.embedded.launch import NOBODY
from core.embedded.ports import LOOPBACK
from core.embedded.server import POLL_SECONDS, Server

DATABASE = "millrace"
SUPERUSER = "postgres"
STATUS_LINE = 7  # of postmaster.pid: "starting", "ready", "stopping"
LOCALE = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
# Checkpoints cost nothing then, and many of them keep the recovery of a server that a test kills short.
CARELESS = (
    "fsync=off",
    "full_page_writes=off",
    "checkpoint_timeout=30s",
    "max_wal_size=64MB",
    "checkpoint_warning=0",
)
STATE, STATE_OFFSET, SHUT_DOWN = struct.Struct("=i"), 16, 1
"""The state that a server notes in its control file, and the one it leaves when it ends well: `DBState` in
PostgreSQL's src/include/catalog/pg_control.h, behind three numbers of 8, 4 and 4 bytes."""


class Postgres(Server):
    """With a password, every connection must show it; without, everybody on this machine is let in.

    `is_durable=False` gives up safety against a crash of the machine, for tests. A killed *process* loses
    nothing in either mode.
    """

    name = "PostgreSQL"
    # SIGINT disconnects everyone and ends cleanly; SIGTERM would wait for clients to leave by themselves.
    stop_signal = signal.SIGINT
    death_signal = signal.SIGINT

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        *,
        password: str = "",
        is_durable: bool = True,
        account: Account | None = None,
        log: Path | None = None,
    ) -> None:
        super().__init__(directory, port, log=log)
        self.password = password
        self.is_durable = is_durable
        self.account = account or choose_account()
        self.programs = places.find_programs()
        self.data = self.directory

    @property
    def url(self) -> str:
        secret = f":{self.password}" if self.password else ""
        return f"postgres://{SUPERUSER}{secret}@{LOOPBACK}:{self.port}/{DATABASE}"

    def prepare(self) -> None:
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        if self.account is Account.NOBODY:
            self.programs = places.reachable_programs(self.programs, self.directory)
            self.data = places.reachable_data(self.directory)
        if not (self.data / "PG_VERSION").exists():
            self.make_cluster()
        self.demand_version()
        self.wait_for_predecessor()

    def make_cluster(self) -> None:
        unfinished = self.data.with_name(f"{self.data.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        if self.account is Account.NOBODY:
            places.give_to_nobody(unfinished)
        secret = self.data.with_name(f"{self.data.name}.secret")
        try:
            self.run("initdb", "-D", str(unfinished), "-U", SUPERUSER, *LOCALE, *self.authentication(secret))
            self.run(
                "postgres",
                "--single",
                "-D",
                str(unfinished),
                "postgres",
                text=f"CREATE DATABASE {DATABASE}\n",
            )
        finally:
            secret.unlink(missing_ok=True)
        unfinished.rename(self.data)

    def authentication(self, secret: Path) -> list[str]:
        speed = [] if self.is_durable else ["--no-sync"]
        if not self.password:
            return [*speed, "--auth=trust"]
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        if self.account is Account.NOBODY:
            os.chown(secret, NOBODY, NOBODY)
        # Many rounds slow down the guessing of weak passwords; ours is random, and each connection pays.
        return [*speed, "--auth=scram-sha-256", f"--pwfile={secret}", "-c", "scram_iterations=1"]

    def run(self, program: str, *arguments: str, text: str = "") -> None:
        """Run a program that ends by itself. It is killed with us; what it leaves is done again."""
        whole = [str(self.programs / "bin" / program), *arguments]
        command = launch_command(whole, account=self.account, death_signal=signal.SIGKILL)
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, env=self.environment(), cwd="/"
        )
        if done.returncode:
            reason = first_complaint(done.stderr or done.stdout)
            raise EmbeddedError(
                f"{program} could not make a database under {self.data.parent}: {reason}. "
                "Mend that, or set DATABASE_URL to a PostgreSQL server."
            )

    def demand_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        ours = self.major_version()
        if made_by != ours:
            raise EmbeddedError(
                f"{self.data} was made by PostgreSQL {made_by} and the wheel now holds {ours}: dump it with "
                "the old wheel (pg_dump) and load it into the new, or move the folder away to begin anew."
            )

    def major_version(self) -> str:
        answer = subprocess.run(
            [self.programs / "bin" / "postgres", "--version"], capture_output=True, text=True, check=True
        )
        return answer.stdout.split()[-1].split(".")[0]

    def wait_for_predecessor(self) -> None:
        """A server of an earlier life of ours may still be shutting down; one that is gone left a file."""
        held = self.data / "postmaster.pid"
        deadline = time.monotonic() + self.stop_seconds
        while holder := holder_of(held):
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"Another PostgreSQL (process {holder}) runs on {self.data}: end it with "
                    f"`kill -INT {holder}`."
                )
            time.sleep(POLL_SECONDS)
        # PostgreSQL would believe the file if its number meanwhile belonged to any other process.
        held.unlink(missing_ok=True)

    def is_worth_another_try(self) -> bool:
        """Backends of a killed server hold its shared memory until they notice."""
        return "is still in use" in self.log.read_text(errors="replace")[-1000:]

    def arguments(self) -> list[str]:
        # No Unix socket: its path may have at most 107 characters, and nothing of ours uses it.
        settings = [f"listen_addresses={LOOPBACK}", "unix_socket_directories="]
        settings += ["timezone=UTC", "log_timezone=UTC"]
        if not self.is_durable:
            settings.extend(CARELESS)
        options = [part for setting in settings for part in ("-c", setting)]
        return [str(self.programs / "bin" / "postgres"), "-D", str(self.data), "-p", str(self.port), *options]

    def is_recovering(self) -> bool:
        """After a death it reads its log again, minutes of it on a slow disk: whoever ends it begins anew."""
        try:
            control = (self.data / "global" / "pg_control").read_bytes()
        except OSError:
            return False
        state: int = STATE.unpack_from(control, STATE_OFFSET)[0]
        return state != SHUT_DOWN

    def is_ready(self) -> bool:
        """The server writes into this file which process holds the folder, and how far it is."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        is_ours = lines[:1] == [str(self.pid)]
        return is_ours and len(lines) > STATUS_LINE and lines[STATUS_LINE].strip() == "ready"


def holder_of(held: Path) -> int | None:
    """The living process that holds this data folder: PostgreSQL works inside it."""
    try:
        pid = int(held.read_text().split()[0])
        at = Path(f"/proc/{pid}/cwd").readlink()
    except PermissionError:
        return pid
    except (OSError, ValueError, IndexError):
        return None
    return pid if at == held.parent.resolve() else None


def first_complaint(output: str) -> str:
    lines = output.strip().splitlines() or ["it wrote nothing"]
    signs = ("error", "fatal")
    told = next((line for line in lines if any(sign in line.lower() for sign in signs)), lines[0])
    return told.strip().rstrip(".")
