"""What the supervisor decides: ports, secrets, delays, the servers it needs, and the size of logs."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from core.embedded.child import Child
from core.embedded.errors import EmbeddedError
from core.embedded.ports import free_port, is_free, lowest_outgoing_port
from core.supervisor import leftovers
from core.supervisor.bounded import bound_logs
from core.supervisor.memory import Ports, secret
from core.supervisor.screen import in_one_sentence
from core.supervisor.system import Wishes, plan
from core.supervisor.watch import FIRST_DELAY_SECONDS, HEALTHY_SECONDS, LONGEST_DELAY_SECONDS, Watched


class Sleeper(Child):
    name = "sleeper"

    def arguments(self) -> list[str]:
        return [sys.executable, "-c", "import signal; signal.pause()"]


def taken_port() -> socket.socket:
    holder = socket.socket()
    holder.bind(("127.0.0.1", free_port()))
    holder.listen()
    return holder


def test_a_port_is_kept_from_one_start_to_the_next(tmp_path: Path) -> None:
    first = Ports(tmp_path).choose("web", preferred=free_port())

    assert Ports(tmp_path).choose("web", preferred=free_port()) == first


def test_a_port_that_was_taken_meanwhile_is_replaced(tmp_path: Path) -> None:
    with taken_port() as holder:
        wanted = holder.getsockname()[1]

        assert Ports(tmp_path).choose("web", preferred=wanted) != wanted


def test_a_demanded_port_is_never_replaced(tmp_path: Path) -> None:
    with taken_port() as holder:
        wanted = holder.getsockname()[1]

        with pytest.raises(
            EmbeddedError, match=f"Port {wanted} of 127.0.0.1 is taken: choose another with PORT="
        ):
            Ports(tmp_path).demand("web", wanted)


def test_no_port_is_one_that_a_reconnecting_client_may_get() -> None:
    ports = [free_port() for _ in range(50)]

    assert all(is_free(port) and port < lowest_outgoing_port() for port in ports)


def test_a_secret_is_made_once_and_readable_by_us_alone(tmp_path: Path) -> None:
    made = secret(tmp_path, "postgres")

    assert len(made) >= 50
    assert secret(tmp_path, "postgres") == made
    assert secret(tmp_path, "redis") != made
    assert (tmp_path / "secrets" / "postgres").stat().st_mode & 0o077 == 0


def test_what_the_environment_names_is_not_started(tmp_path: Path) -> None:
    given = {
        "DATABASE_URL": "postgres://db.example/millrace",
        "BROKER_URL": "redis://redis.example/0",
        "REDIS_URL": "redis://redis.example/1",
        "EMAIL_URL": "smtp://mail.example:25",
    }

    system = plan(Wishes(tmp_path, given))

    assert system.servers == []
    assert system.mail is None
    assert given.items() <= system.variables.items()


def test_rabbitmq_still_gets_a_redis_for_the_cache(tmp_path: Path) -> None:
    system = plan(Wishes(tmp_path, {"BROKER_URL": "amqp://rabbit.example//"}))

    assert [server.name for server in system.servers] == ["PostgreSQL", "Redis"]
    assert system.variables["BROKER_URL"] == "amqp://rabbit.example//"
    assert system.variables["REDIS_URL"].startswith("redis://:")


def test_no_password_stands_on_a_command_line(tmp_path: Path) -> None:
    system = plan(Wishes(tmp_path, {}))

    hidden = [(tmp_path / "secrets" / name).read_text() for name in ("postgres", "redis", "secret_key")]
    hidden.append(system.variables["FLOWER_AUTH"].partition(":")[2])
    shown = " ".join(part for child in [*system.programs, *system.servers] for part in child.command())
    assert not [secret for secret in hidden if secret in shown]


def test_flower_never_takes_our_variables_for_its_options(tmp_path: Path) -> None:
    flower = plan(Wishes(tmp_path, {})).flower

    theirs = {name for name in flower.environment() if name.startswith("FLOWER_")}

    assert theirs == {"FLOWER_BASIC_AUTH"}


def test_what_keeps_dying_is_started_ever_later(tmp_path: Path) -> None:
    watched, now, delays = Watched(Sleeper()), 1000.0, []
    watched.since = now

    for _ in range(10):
        watched.plan_restart(now)
        assert watched.due is not None
        delays.append(watched.due - now)
        watched.due = None

    assert delays[:3] == [FIRST_DELAY_SECONDS, 2 * FIRST_DELAY_SECONDS, 4 * FIRST_DELAY_SECONDS]
    assert max(delays) == LONGEST_DELAY_SECONDS


def test_what_ran_well_for_long_is_started_at_once(tmp_path: Path) -> None:
    watched = Watched(Sleeper(), delay=LONGEST_DELAY_SECONDS, since=0.0)

    watched.plan_restart(HEALTHY_SECONDS + 1)

    assert watched.due == HEALTHY_SECONDS + 1 + FIRST_DELAY_SECONDS


def test_logs_stay_small_while_somebody_writes(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 100)

        bound_logs(tmp_path, largest_bytes=100)
        writer.write(b"new\n")

    assert log.read_bytes() == b"new\n"
    assert (tmp_path / "web.log.1").read_bytes() == b"old\n" * 100


def test_a_process_left_over_is_ended(tmp_path: Path) -> None:
    child = Sleeper()
    child.spawn()
    leftovers.note(tmp_path, [child])

    killed = leftovers.clear(tmp_path, patience_seconds=0.1)

    assert killed == [child.pid]
    assert child.process is not None
    assert child.process.wait(5) == -signal.SIGKILL


def test_a_stranger_with_the_number_of_a_leftover_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "processes.json").write_text(f'{{"{os.getpid()}": "1"}}')

    assert leftovers.clear(tmp_path) == []


def test_too_few_workers_are_refused() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "core.supervisor", "--workers", "0"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert asked.returncode == 2
    assert "WORKERS=0 would leave every job waiting" in asked.stderr


def test_the_operator_of_the_sign_in_is_made_by_the_preparation_alone(tmp_path: Path) -> None:
    system = plan(Wishes(tmp_path, {}))

    told = system.preparation.environment()

    assert (told["OPERATOR_NAME"], told["OPERATOR_PASSWORD"]) == ("operator", system.operator_password)
    assert (told["ADMIN_NAME"], told["ADMIN_PASSWORD"]) == ("admin", system.admin_password)
    assert system.admin_password != system.operator_password
    assert not {"OPERATOR_PASSWORD", "ADMIN_PASSWORD"} & set(system.variables)


def test_a_folder_of_somebody_else_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def refused() -> int:
        raise PermissionError(13, "Permission denied", "/theirs/run")

    assert in_one_sentence(refused) == 1
    assert capsys.readouterr().err == (
        "millrace: /theirs/run belongs to somebody else: run the command as its owner, "
        "or set VAR_DIR to a folder of your own.\n"
    )
