"""The demo reads a page's form as a browser does, fills it in with an example, and ends as it should."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.demo.browser import multipart
from core.demo.errors import DemoError
from core.demo.form import Filled, Form
from core.demo.screen import table
from core.demo.tour import Stop, counts
from core.embedded.environment import PROJECT

PAGE = """
<form method="post" action="/sign-out"><input name="theirs" value="x"></form>
<form method="post" enctype="multipart/form-data">
  <input type="hidden" name="csrf" value="token">
  <input type="file" name="source">
  <input name="title" value="as it was"><input type="number" name="width" value="3">
  <textarea name="sizes">
640</textarea><textarea name="extra" class="code"></textarea>
  <select name="format"><option value="same">same</option><option value="webp" selected>webp</option></select>
  <select name="first"><option value="a">a</option><option value="b">b</option></select>
  <input type="radio" name="mode" value="fit" checked><input type="radio" name="mode" value="crop">
  <input type="checkbox" name="enlarge"><input type="checkbox" name="parts" value="csv">
  <input type="checkbox" name="parts" value="pdf">
  <input name="rows-0-name"><input name="rows-0-age">
  <button type="submit">Send</button>
</form>
"""


def sent(example: dict[str, object]) -> dict[str, list[str]]:
    filled = Form(PAGE).fill(example, Path("examples"))
    values: dict[str, list[str]] = {}
    for name, value in filled.values:
        values.setdefault(name, []).append(value)
    return values


def test_an_untouched_form_sends_what_a_browser_would_send() -> None:
    values = sent({})

    assert values["csrf"] == ["token"]
    assert values["title"] == ["as it was"]
    assert values["sizes"] == ["640"]
    assert (values["format"], values["first"], values["mode"]) == (["webp"], ["a"], ["fit"])
    assert "enlarge" not in values and "parts" not in values
    assert "theirs" not in values


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("title", "new", ["new"]),
        ("width", 7, ["7"]),
        ("sizes", ["640", "320"], ["640\n320"]),
        ("extra", [{"a": 1}], ['[{"a": 1}]']),
        ("format", "same", ["same"]),
        ("mode", "crop", ["crop"]),
        ("enlarge", True, ["on"]),
        ("parts", ["csv", "pdf"], ["csv", "pdf"]),
    ],
)
def test_each_kind_of_field_is_filled_in(name: str, value: object, expected: list[str]) -> None:
    assert sent({name: value})[name] == expected


def test_a_table_is_filled_in_row_by_row() -> None:
    values = sent({"rows": [{"name": "Alice", "age": 30}, {"name": "Bob"}]})

    assert values["rows-0-age"] == ["30"]
    assert values["rows-1-name"] == ["Bob"]


def test_files_come_from_the_folder_of_examples() -> None:
    assert Form(PAGE).fill({"source": "a.jpg"}, Path("examples")).files == [
        ("source", Path("examples/a.jpg"))
    ]


def test_an_example_that_the_form_has_no_field_for_is_named() -> None:
    with pytest.raises(DemoError, match="no field 'colour'"):
        sent({"colour": "red"})


def test_files_are_sent_with_name_and_type(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1;2\r\n")

    body = multipart(Filled([("key", "value")], [("source", tmp_path / "a.csv")]), "edge")

    assert b'name="key"\r\n\r\nvalue\r\n' in body
    assert b'name="source"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\n1;2\r\n\r\n' in body
    assert body.endswith(b"--edge--\r\n")


def test_the_table_tells_of_every_kind() -> None:
    good = Stop(
        "email.send", "http://here/jobs/1", "1", "succeeded", waited=0.5, ran=1.25, came_out=["sent 2"]
    )
    bad = Stop("images.resize", state="refused", note="the file is no picture")

    lines = table([good, bad]).splitlines()

    assert any("email.send" in line and "0.50 s   1.25 s  sent 2" in line for line in lines)
    assert any("http://here/jobs/1" in line for line in lines)
    assert any("images.resize" in line and "the file is no picture" in line for line in lines)


def test_counts_come_in_the_order_of_the_ledger() -> None:
    assert counts({"done": 2, "kept": 1, "accepted": 2, "failed": 0, "note": "x"}) == (
        "accepted 2, done 2, failed 0, kept 1"
    )


def test_the_whole_demo_succeeds_and_leaves_no_process(tmp_path: Path) -> None:
    ours = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}

    done = subprocess.run(
        [sys.executable, "-m", "core.demo", "--once"],
        cwd=PROJECT,
        env={**ours, "VAR_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "email.send" in done.stdout
    assert "webhooks.deliver" not in done.stdout and "tasks.run" not in done.stdout
    assert [process for process in Path("/proc").glob("[0-9]*") if str(tmp_path) in command_of(process)] == []


def command_of(process: Path) -> str:
    """The command and the environment: every process of ours has the folder in one of them."""
    try:
        return ((process / "cmdline").read_bytes() + (process / "environ").read_bytes()).decode(
            errors="replace"
        )
    except OSError:
        return ""
