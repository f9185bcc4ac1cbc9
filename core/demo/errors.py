"""What can go wrong in the demo."""


class DemoError(Exception):
    """One sentence: what did not work, and where to look."""
