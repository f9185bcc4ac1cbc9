"""A folder for one attempt, made when it is first asked for and gone when the attempt ends."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

PREFIX = "millrace-job-"


class Scratch:
    """Nothing in it outlives the attempt; what a killed worker left is the operating system's to tidy."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder, readable by this process alone."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        return self._folder

    def remove(self) -> None:
        """Delete the folder and all in it; safe to repeat."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
