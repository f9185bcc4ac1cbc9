"""The live door: requests that wait for a job, or follow it, with no thread or connection of their own."""

from __future__ import annotations

from jobs.live.application import Live

__all__ = ["Live"]
