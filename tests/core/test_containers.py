"""The image, the compose file and the example of an environment agree with the code."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from core.embedded.environment import PROJECT

COMPOSE_ONLY = {
    "POSTGRES_PASSWORD", "FLOWER_PASSWORD", "RABBITMQ_PASSWORD", "WEB_ADDRESS", "MEMORY_LIMIT", "CONCURRENCY"
}  # fmt: skip
SUPERVISOR_ONLY = {"VAR_DIR"}
READERS = r"(?:env\.\w+|number|choice|switch|address|networks|ports|apps)"
READ = re.compile(READERS + r"""\(\s*["']([A-Z][A-Z0-9_]*)["']""")


def names_in_example() -> set[str]:
    text = (PROJECT / ".env.example").read_text()
    return set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]*)=", text, re.MULTILINE))


def test_every_variable_that_is_read_is_in_the_example() -> None:
    read = set(READ.findall((PROJECT / "core" / "settings.py").read_text()))

    assert read - names_in_example() == set()
    assert names_in_example() - read == COMPOSE_ONLY | SUPERVISOR_ONLY


@pytest.mark.skipif(
    not shutil.which("docker-compose"), reason="needs docker-compose: apt-get install docker-compose"
)
def test_the_compose_file_is_valid(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "docker-compose.yml", tmp_path)
    example = (PROJECT / ".env.example").read_text()
    (tmp_path / ".env").write_text(re.sub(r"^(\w+)=$", r"\1=secret", example, flags=re.MULTILINE))

    checked = subprocess.run(
        ["docker-compose", "--profile", "rabbitmq", "config"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr
    published = re.findall(r"ports:\n\s+- (\S+)", checked.stdout)
    assert published == ["127.0.0.1:8000:8000/tcp"]
    assert checked.stdout.count("mem_limit:") == checked.stdout.count("image:") == 8
    assert "noeviction" in checked.stdout


def test_a_secret_left_empty_stops_compose_with_its_name() -> None:
    text = (PROJECT / "docker-compose.yml").read_text()

    for name in ("SECRET_KEY", "POSTGRES_PASSWORD", "FLOWER_PASSWORD"):
        assert f"${{{name}:?set {name} in .env}}" in text


def test_the_image_does_not_run_as_root() -> None:
    last_stage = (PROJECT / "Dockerfile").read_text().rpartition("\nFROM ")[2]

    assert re.findall(r"^USER (\S+)", last_stage, re.MULTILINE) == ["millrace"]


@pytest.mark.parametrize(
    ("role", "program"),
    [
        ("web", "-m uvicorn core.asgi:application --host 0.0.0.0"),
        ("worker", "-m celery -A celery_app worker"),
        ("beat", "-m celery -A celery_app beat"),
        ("flower", "-m celery -A celery_app flower"),
        ("prepare", "manage.py prepare"),
    ],
)
def test_each_role_starts_its_program(tmp_path: Path, role: str, program: str) -> None:
    assert run_role(tmp_path, role, "--more").splitlines()[0].startswith(program)
    assert "--more" in run_role(tmp_path, role, "--more").splitlines()[0]


def test_flower_in_a_container_gets_its_password_and_none_of_our_variables(tmp_path: Path) -> None:
    seen = run_role(tmp_path, "flower").splitlines()[1:]

    assert "FLOWER_BASIC_AUTH=user:password" in seen
    assert [line for line in seen if line.startswith(("FLOWER_AUTH=", "FLOWER_URL="))] == []


def run_role(tmp_path: Path, *role: str) -> str:
    """What the entrypoint would start, and with which environment: a python of ours tells instead."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$@"\nenv\n')
    python.chmod(0o755)
    told = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "FLOWER_AUTH": "user:password",
        "FLOWER_URL": "http://f",
    }
    entrypoint = PROJECT / "deploy" / "entrypoint"
    return subprocess.run([entrypoint, *role], env=told, capture_output=True, text=True, check=True).stdout
