"""One process of ours: start it, signal it, end it. It cannot outlive us: the kernel signals it when we die.

Start children from the main thread: the signal is sent when the *thread* that started the child ends.
"""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from core.embedded.account import Account, launch_command

STOP_SECONDS = 30


class Child:
    """Subclasses say what to run."""

    name = "child"
    account = Account.SELF
    stop_signal = signal.SIGTERM
    death_signal = signal.SIGTERM
    stop_seconds: float = STOP_SECONDS
    folder = Path("/")
    log = Path(os.devnull)

    process: subprocess.Popen[bytes] | None = None

    def arguments(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def command(self) -> list[str]:
        """The whole command line. What it starts is ended when the process that called this dies."""
        return launch_command(self.arguments(), account=self.account, death_signal=self.death_signal)

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs, and when it was never started."""
        return self.process.poll() if self.process else None

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def spawn(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C at the terminal must reach us, not the children under us.
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
                cwd=self.folder,
                start_new_session=True,
            )

    def signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            # A frozen process would otherwise take the signal only when somebody thaws it.
            self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End cleanly, by force if that takes too long. Safe to repeat."""
        self.end(self.stop_signal)

    def kill(self) -> None:
        """End at once, as a power failure would."""
        self.end(signal.SIGKILL)

    def end(self, number: int) -> None:
        if self.process is None:
            return
        self.signal(number)
        try:
            self.process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # What its main process did not take along goes now.
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process = None

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.is_file() else []
        return lines[-1].strip() if lines else "it wrote nothing"
