"""Set-up from a bare clone: once, whole, and with a sentence when it cannot be."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import bootstrap
from core.embedded.environment import PROJECT

NOWHERE = "http://127.0.0.1:9/simple"
OFFLINE = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_INDEX_URL": NOWHERE,
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_FIND_LINKS": "",
    "PIP_NO_INDEX": "",
    "UV_DEFAULT_INDEX": NOWHERE,
}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A bare clone whose requirements need no network."""
    return make_clone(tmp_path / "clone")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that is set up; tests change what it requires."""
    folder = make_clone(tmp_path_factory.mktemp("made") / "clone")
    code, said = set_up(folder)
    assert code == 0 and "Set up in" in said
    return folder


def make_clone(folder: Path) -> Path:
    folder.mkdir()
    for name in ("Makefile", "bootstrap.py"):
        (folder / name).write_bytes((PROJECT / name).read_bytes())
    (folder / "requirements.txt").write_text("")
    (folder / "requirements-dev.txt").write_text("")
    return folder


def start(clone: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "bootstrap.py", *arguments],
        cwd=clone,
        env={**os.environ, **OFFLINE, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Whoever runs the tests in the background of a shell has Ctrl-C ignored, and so would this.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),
    )


def set_up(clone: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    with start(clone, *arguments, **variables) as process:
        said = process.communicate(timeout=120)[0]
    return process.returncode, said


def test_it_is_done_once_and_again_when_something_changed(made: Path) -> None:
    (made / "requirements.txt").write_text("# changed once\n")

    first, second = set_up(made), set_up(made)

    # The venv is kept: only the packages are looked at again.
    assert first[0] == 0 and "Set up in" in first[1] and "making .venv" not in first[1]
    assert second == (0, "")


def test_two_at_once_do_it_once(made: Path) -> None:
    (made / "requirements.txt").write_text("# changed twice\n")

    with start(made) as first, start(made) as second:
        said = first.communicate(timeout=120)[0] + second.communicate(timeout=120)[0]

    assert (first.returncode, second.returncode) == (0, 0)
    assert said.count("Set up in") == 1


def test_an_interrupted_setup_is_finished_by_the_next(clone: Path) -> None:
    # Whoever installs reads a file that nobody writes: it is in the middle of it for as long as we like.
    (clone / "requirements.txt").write_text("-r more.txt\n")
    os.mkfifo(clone / "more.txt")
    with start(clone) as process, (clone / "more.txt").open("w"):  # opens when somebody reads
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[0]
    (clone / "more.txt").unlink()
    (clone / "more.txt").touch()

    assert process.returncode == 130
    assert "interrupted; run the same command again" in said
    assert set_up(clone)[0] == 0


def test_without_a_network_one_sentence_says_what_to_do(made: Path) -> None:
    (made / "requirements.txt").write_text("a-package-that-is-not-there==1\n")

    code, said = set_up(made)

    assert code == 1
    assert "check the network, or point pip at an index" in said.splitlines()[-1]
    assert "Traceback" not in said


def test_a_python_that_is_too_old_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "OLDEST", (4, 0))

    assert bootstrap.main([]) == 1
    assert "Millrace needs 3.11 or newer: install one and name it with PYTHON=" in capsys.readouterr().err


def test_a_python_without_ensurepip_is_told_the_package(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "VENV", clone / ".venv")
    monkeypatch.setitem(sys.modules, "ensurepip", None)

    with pytest.raises(bootstrap.SetupError, match=r"apt-get install python3\.\d+-venv"):
        bootstrap.make_venv()


def test_make_without_a_python_says_so_in_one_sentence(clone: Path) -> None:
    asked = subprocess.run(
        ["make", "up", "PYTHON=no-such-python"], cwd=clone, capture_output=True, text=True, check=False
    )

    assert asked.returncode == 2
    assert asked.stderr.splitlines()[0] == (
        "millrace: none of these is a Python 3.11 or newer: no-such-python. "
        "Install one, or name it: make PYTHON=/path/to/python"
    )


def test_make_alone_lists_what_there_is(clone: Path) -> None:
    shown = subprocess.run(["make"], cwd=clone, capture_output=True, text=True, check=True).stdout

    assert "make up" in shown
    assert "make test" in shown
