"""Runs the whole system on one machine, in the foreground: `python -m core.supervisor`."""
