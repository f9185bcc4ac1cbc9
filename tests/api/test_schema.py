"""What the door says about itself is what it does: schemathesis asks it everything, and a little more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.registry import KINDS
from jobs.tokens import Scope, make_token
from tests.api.served import served
from tests.factories import give, make_user

CONFIG = Path(__file__).with_name("schemathesis.toml")
ROOT = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "3"))
"""How many requests per operation and phase; hundreds make a long run."""


@pytest.mark.django_db(transaction=True)
def test_every_check_of_schemathesis_passes(tmp_path, monkeypatch):
    ours = {name: kind for name, kind in KINDS._kinds.items() if kind.module.startswith("workers.")}
    monkeypatch.setattr(KINDS, "_kinds", ours)
    olga = give(make_user("olga"), "submit_job", "operate_job")
    secret = make_token(olga, name="schemathesis", scopes=list(Scope)).secret
    with served() as address:
        ran = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG), "run",
                f"{address}/api/v1/openapi.json", "--header", f"Authorization: Bearer {secret}",
                "--checks", "all", "--max-examples", str(EXAMPLES), "--generation-deterministic",
                "--no-color", "--continue-on-failure", "--workers", "1",
            ],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
            timeout=1800, check=False,
        )  # fmt: skip

    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-4000:]
