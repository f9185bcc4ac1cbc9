"""The lab's times: a fifteenth and a tenth of the defaults, so that what recovers by waiting does so soon."""

from __future__ import annotations

LEASE, HEARTBEAT, SWEEP = 4.0, 1.0, 0.5
TIMES = {
    "LEASE_SECONDS": str(LEASE),
    "HEARTBEAT_SECONDS": str(HEARTBEAT),
    "SWEEP_SECONDS": str(SWEEP),
    "GATE_SECONDS": "0.2",
    "FLUSH_SECONDS": "0.5",
    "GRACE_SECONDS": "1",
}
RECOVERY = LEASE + SWEEP + 1
"""I9: a lost lease is noticed at the next sweep after it ran out, and its job is claimed within a second."""
