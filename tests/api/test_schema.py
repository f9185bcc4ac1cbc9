"""What the door says about itself is what it does: schemathesis asks it everything, and a little more."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from jobs.artifacts import store_upload
from jobs.registry import KINDS
from jobs.tokens import Scope, make_token
from tests.api.served import served
from tests.factories import give, make_user
from tests.webhooks.conftest import inbox, set_conf

__all__ = ["inbox", "set_conf"]
CONFIG = Path(__file__).with_name("schemathesis.toml")
ROOT = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "2"))
"""How many requests per operation are made up; hundreds make a long run."""
WALKS, STEPS = max(20, EXAMPLES), 10
"""How many walks along links, and how far each goes."""
EVERY = "1" if EXAMPLES > 10 else "12"
"""Of what the coverage phase enumerates, all in a long run, else one in so many."""
NUMBERS = f"""
max-examples = {EXAMPLES}

[phases.stateful]
max-steps = {STEPS}
generation.max-examples = {WALKS}
"""
"""How the configuration goes on after its last section, which is `[generation]`."""


@pytest.mark.django_db(transaction=True)
def test_every_check_of_schemathesis_passes(tmp_path, monkeypatch, inbox, set_conf):
    set_conf(webhooks_per_owner=100_000, tokens_per_owner=100_000)
    ours = {name: kind for name, kind in KINDS._kinds.items() if kind.module.startswith("workers.")}
    monkeypatch.setattr(KINDS, "_kinds", ours)
    olga = give(make_user("olga"), "submit_job", "operate_job")
    secret = make_token(olga, name="schemathesis", scopes=list(Scope)).secret
    picture = store_upload(a_picture(), name="photo.png", owner=olga)
    given = {"SCHEMATHESIS_FILE": str(picture.id), "SCHEMATHESIS_URL": inbox.url, "SCHEMATHESIS_EVERY": EVERY}
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.read_text() + NUMBERS)
    with served() as address:
        ran = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run",
                f"{address}/api/v1/openapi.json", "--header", f"Authorization: Bearer {secret}",
                # A token that was revoked goes on being shown, with the time since when it opens nothing.
                "--checks", "all", "--exclude-checks", "use_after_free", "--generation-deterministic",
                "--no-color", "--continue-on-failure", "--workers", "1",
            ],
            cwd=tmp_path, env={**os.environ, **given, "PYTHONPATH": str(ROOT)}, capture_output=True,
            text=True, timeout=7200, check=False,
        )  # fmt: skip

    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-4000:]


def a_picture() -> io.BytesIO:
    found = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(found, "PNG")
    found.seek(0)
    return found
