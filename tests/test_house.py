"""The house rules that a machine can hold: style, types, imports, migrations, checks, a whole reference."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import reference, snapshot
from jobs.metrics import Metric

PROJECT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
REFERENCE = PROJECT / "docs" / "reference"
ROOMS = ("core", "jobs", "workers")
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
EVENT = re.compile(r"[a-z]+(_[a-z]+)+\Z")

PRODUCTION = {
    "SECRET_KEY": "a-production-like-key-of-sixty-four-characters-0123456789abcdef!",
    "PUBLIC_URL": "https://mill.example.org",
    "ALLOWED_HOSTS": "mill.example.org",
    "SSL_REDIRECT": "on",
    "METRICS_TOKEN": "a-token-for-prometheus",
    "EMAIL_URL": "smtp+tls://mill:secret@mail.example.org:587",
    "FLOWER_URL": "http://flower:5555",
    "FLOWER_AUTH": "mill:secret",
}


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def assert_clean(ran: subprocess.CompletedProcess[str]) -> None:
    assert ran.returncode == 0, f"{ran.stdout[-4000:]}\n{ran.stderr[-4000:]}"


def sources() -> Iterator[Path]:
    for room in ROOMS:
        yield from (path for path in (PROJECT / room).rglob("*.py") if "migrations" not in path.parts)


@pytest.mark.parametrize("command", ["check", "format --check"])
def test_ruff_has_nothing_to_say(command: str) -> None:
    assert_clean(run(str(BIN / "ruff"), *command.split(), "."))


def test_mypy_has_nothing_to_say() -> None:
    assert_clean(run(str(BIN / "mypy"), *ROOMS, "celery_app.py", "manage.py", "client/src"))


def test_the_rooms_import_downwards_only() -> None:
    assert_clean(run(str(BIN / "lint-imports"), "--no-cache"))


def test_the_celery_client_knows_no_job() -> None:
    tree = ast.parse((PROJECT / "celery_app.py").read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}

    assert imported <= {"__future__", "os", "typing", "celery"}


def test_every_model_has_its_migration() -> None:
    assert_clean(run(sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"))


@pytest.mark.parametrize("proxy", ["on", "off"])
def test_a_production_like_environment_passes_every_check(proxy: str) -> None:
    environment = PRODUCTION | ({"BEHIND_PROXY": "on", "SSL_REDIRECT": "off"} if proxy == "on" else {})
    arguments = ["check", "--deploy", "--fail-level", "WARNING", "--database", "default"]

    assert_clean(run(sys.executable, "manage.py", *arguments, **environment))


def test_a_careless_environment_does_not() -> None:
    ran = run(
        sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING", SECRET_KEY="", DEBUG="on"
    )

    assert ran.returncode != 0
    assert "millrace.E014" in ran.stderr
    assert "security.W018" in ran.stderr


def test_the_reference_of_settings_is_what_the_code_reads() -> None:
    assert reference.PAGE.read_text() == reference.page(), "run `python -m core.reference`"


def test_every_setting_has_a_sentence_and_stands_in_the_example_environment() -> None:
    example = (PROJECT / ".env.example").read_text()
    for variable in reference.variables():
        assert variable.text, f"{variable.name} says nothing about itself in core/settings.py"
        assert re.search(rf"^#? ?{variable.name}=", example, re.MULTILINE), f"{variable.name}: .env.example"


def test_only_the_settings_read_the_environment() -> None:
    allowed = {
        "core/settings.py", "core/asgi.py", "core/wsgi.py", "core/reference.py", "celery_app.py",
        "core/embedded/environment.py", "jobs/management/colour.py",
        "jobs/elsewhere.py",  # libpq's own variables
    }  # fmt: skip
    readers = {
        str(path.relative_to(PROJECT))
        for path in sources()
        if re.search(r"os\.(environ|getenv)", path.read_text())
        and not path.is_relative_to(PROJECT / "core" / "embedded")
        and not path.is_relative_to(PROJECT / "core" / "supervisor")
        and not path.is_relative_to(PROJECT / "core" / "demo")
    }

    assert readers <= allowed


def test_every_metric_is_shown_and_has_a_line() -> None:
    page = (REFERENCE / "metrics.md").read_text()
    named = [f"`{name}_total`" for name, _, _ in snapshot.COUNTERS.values()]
    named += [f"`{name}`" for name, _ in snapshot.HISTOGRAMS.values()]
    named += [f"`{name}`" for name, _, _ in snapshot.GAUGES.values()]

    assert {metric.value for metric in Metric} == {*snapshot.COUNTERS, *snapshot.HISTOGRAMS}
    assert [name for name in named if f"| {name} |" not in page] == []


def test_every_log_event_has_a_line_and_every_line_an_event() -> None:
    used = {event for path in sources() for event in events_in(path)}
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", (REFERENCE / "log-events.md").read_text(), re.MULTILINE))

    assert used == listed


def events_in(path: Path) -> Iterator[str]:
    """The constant names a file logs: a first argument like `job_rescued`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and ast.unparse(node.func.value).endswith(("log", "logger"))
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            event = str(node.args[0].value)
            if EVENT.match(event):
                yield event
            elif "kinds" not in path.parts:
                raise AssertionError(f"{path}: {event!r} is no constant name with fields")


def test_every_check_has_a_line() -> None:
    page = (REFERENCE / "checks.md").read_text()
    used = {
        found
        for path in (PROJECT / "jobs" / "checks.py", PROJECT / "core" / "checks.py")
        for found in re.findall(r"millrace\.[EWI]\d{3}", path.read_text())
    }

    assert used == set(re.findall(r"millrace\.[EWI]\d{3}", page))


def test_every_command_has_a_line() -> None:
    page = (REFERENCE / "commands.md").read_text()
    for room in ("jobs", "core"):
        for path in (PROJECT / room / "management" / "commands").glob("[a-z]*.py"):
            assert re.search(rf"^    {path.stem}\b", page, re.MULTILINE), (
                f"{path.stem}: docs/reference/commands.md"
            )


def test_nothing_of_ours_is_called_after_nothing() -> None:
    vague = {"utils", "helpers", "common", "misc", "manager", "base"}

    assert [str(path) for path in sources() if path.stem in vague] == []
