"""Start the system, keep it running, stop it in order.

Children hear from us only: Ctrl-C at the terminal reaches this process alone, and main processes alone
are signalled. If this process is killed, the kernel tells each child to stop.
"""

import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from core.embedded import environment
from core.embedded.child import Child
from core.embedded.errors import EmbeddedError
from core.supervisor import leftovers, screen
from core.supervisor.bounded import bound_logs
from core.supervisor.haste import Haste
from core.supervisor.heir import Heir
from core.supervisor.programs import Program
from core.supervisor.system import System
from core.supervisor.watch import watch

READY_SECONDS = 60
POLL_SECONDS = 0.05
LOOK_SECONDS = 0.5
LOOK_AT_LOGS_SECONDS = 5.0
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """Holds every child. Use it from the main thread."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.asked_to_stop = 0
        self.children: list[Child] = []
        self.heir: Heir | None = None

    def start(self) -> None:
        """Everything runs and answers when this returns."""
        self.heir = Heir(self.system.folder)
        for pid in leftovers.clear(self.system.folder):
            screen.line(f"Killed process {pid}, left over from an earlier run.")
        for server in self.system.servers:
            self.obey()
            with screen.step(server.name, f"127.0.0.1:{server.port}"):
                self.note(server)
                server.start()
                self.note(server)
        with screen.step("Tables", "migrations, roles"):
            self.run_to_end(self.system.preparation)
        environment.write(self.system.variables)
        early = [program for program in self.system.programs if program is not self.system.flower]
        for program in early:
            self.launch(program)
        for program in early:
            with screen.step(program.name.capitalize(), where(program)):
                self.wait_until_ready(program)
        # Flower lists the workers that it finds when it starts.
        with screen.step("Flower", where(self.system.flower)):
            self.launch(self.system.flower)
            self.wait_until_ready(self.system.flower)

    def launch(self, child: Child) -> None:
        child.spawn()
        self.note(child)

    def note(self, child: Child) -> None:
        if child not in self.children:
            self.children.append(child)
        leftovers.note(self.system.folder, self.children)

    def run_to_end(self, program: Program) -> None:
        self.launch(program)
        while program.is_alive:
            self.obey()
            time.sleep(POLL_SECONDS)
        self.children.remove(program)
        if program.exit_code:
            raise EmbeddedError(
                f"{program.name} failed: {program.last_words()} (the whole log: {program.log})"
            )

    def wait_until_ready(self, program: Program) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not program.is_ready():
            self.obey()
            if not program.is_alive:
                why = f"{program.name} ended at its start: {program.last_words()} (log: {program.log})"
                raise EmbeddedError(why)
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"{program.name} was not ready within {READY_SECONDS} s: see {program.log}."
                )
            time.sleep(POLL_SECONDS)

    def obey(self) -> None:
        if self.asked_to_stop:
            raise KeyboardInterrupt

    def keep_running(self, until: Callable[[], bool] = lambda: False) -> None:
        """Returns when somebody asks us to stop, or `until` says so."""
        watched = watch(self.children)
        looked_at_logs = 0.0
        with wake_up_on_signals() as wait:
            while not self.asked_to_stop and not until():
                now = time.monotonic()
                told = [text for one in watched if (text := one.look(now))]
                for text in told:
                    screen.line(text)
                if told:
                    leftovers.note(self.system.folder, self.children)
                if now - looked_at_logs > LOOK_AT_LOGS_SECONDS:
                    bound_logs(self.system.folder / "log")
                    looked_at_logs = now
                wait(LOOK_SECONDS)

    def stop(self) -> None:
        """Nobody is left when this returns. Asked again, workers hand back what runs; once more: by force."""
        before = self.asked_to_stop
        haste = Haste(lambda: self.asked_to_stop - before)
        for group in self.system.stopping_order:
            running = [child for child in group if child.is_alive]
            for child in running:
                child.signal(child.stop_signal)
            for child in running:
                with screen.step(f"Stopping {child.name}"):
                    haste.wait_until_ended(child, running)
        self.kill()
        environment.forget()
        leftovers.note(self.system.folder, [])
        if self.heir:
            self.heir.dismiss()

    def kill(self) -> None:
        for child in reversed(self.children):
            child.kill()

    def ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.asked_to_stop += 1


def where(program: Program) -> str:
    port = getattr(program, "port", None)
    return f"127.0.0.1:{port}" if port else ""


@contextmanager
def running(supervisor: Supervisor) -> Iterator[None]:
    """The system, from its start to its last process. KeyboardInterrupt if it is stopped while it starts."""
    with stop_signals(supervisor):
        try:
            supervisor.start()
            yield
        finally:
            screen.line("")
            supervisor.stop()
            screen.line("Millrace has stopped.")


@contextmanager
def stop_signals(supervisor: Supervisor) -> Iterator[None]:
    before = {number: signal.signal(number, supervisor.ask_to_stop) for number in STOPPING}
    if before[signal.SIGHUP] is signal.SIG_IGN:
        # Started with nohup. An ignored SIGINT only means a shell's background, where we can still be asked.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def wake_up_on_signals() -> Iterator[Callable[[float], None]]:
    """A wait that a signal ends early, the death of a child included."""
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    children = signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def wait(seconds: float) -> None:
        if select.select([reading], [], [], seconds)[0]:
            with suppress(BlockingIOError):
                reading.recv(4096)

    try:
        yield wait
    finally:
        signal.signal(signal.SIGCHLD, children)
        signal.set_wakeup_fd(before)
        reading.close()
        writing.close()
