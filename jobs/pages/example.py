"""The command that submits a kind's declared example."""

from __future__ import annotations

import json
import shlex

from jobs.artifacts import files_of
from jobs.registry import Kind
from jobs.text import MANAGE


def command_of(kind: Kind, owner: str) -> str:
    """`manage.py submit` with the example's files by `--file FIELD=NAME` and the rest as one `--payload`.

    Without an owner it would be the service user's job, whom nobody has told who gets no mail.
    """
    fields = files_of(kind)
    parts = [f"{MANAGE} submit {kind.name} {shlex.quote(f'--owner={owner}')}"]
    for name, value in kind.example.items():
        if name in fields:
            files = value if isinstance(value, list) else [value]
            parts += [f"--file {shlex.quote(f'{name}={file}')}" for file in files]
    if rest := {name: value for name, value in kind.example.items() if name not in fields}:
        parts.append(f"--payload {shlex.quote(json.dumps(rest, ensure_ascii=False))}")
    return " \\\n  ".join(parts)
