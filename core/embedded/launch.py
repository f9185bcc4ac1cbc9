"""Become another program that dies with its parent: `python launch.py PARENT SIGNAL ACCOUNT PROGRAM ARG…`.

PARENT is the process id whose death ends us; SIGNAL is what the kernel then sends; ACCOUNT says who the
program runs as (see `account.py`): `self`, `namespace` or `nobody`.

Run as a script, without the site module, because it stands between the supervisor and every server. The
order matters: the kernel forgets the parent-death signal when a process changes its credentials, so that
comes last. If the parent dies before the signal is armed, the comparison with PARENT finds out.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
PLAIN_UID = 1000
NOBODY = 65534


def main(parent: str, signal_number: str, account: str, *command: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if account == "namespace":
        enter_user_namespace(libc)
    elif account == "nobody":
        become_nobody()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, and what is ignored stays so
    libc.prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("The process that started this one is gone.")
    os.execv(command[0], command)  # noqa: S606 (no shell wanted)


def enter_user_namespace(libc: ctypes.CDLL) -> None:
    """Look like a plain user to ourselves, while files still belong to who we really are."""
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER) != 0:
        sys.exit(f"unshare: {os.strerror(ctypes.get_errno())}")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{PLAIN_UID} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{PLAIN_UID} {gid} 1")


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


if __name__ == "__main__":
    main(*sys.argv[1:])
