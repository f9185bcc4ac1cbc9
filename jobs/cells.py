"""Text in a table that a spreadsheet may open: what it would run as a formula is marked as text, by a `'`."""

from __future__ import annotations

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")


def is_risky(text: str) -> bool:
    """Whether a spreadsheet would take it for a formula."""
    return text.lstrip(" ").startswith(FORMULA_SIGNS)


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if is_risky(text) else text


def bare(cell: str) -> str:
    """What was written into a harmless cell."""
    return cell[1:] if cell.startswith("'") and is_risky(cell[1:]) else cell
