"""Lists for tests, and what is read of them."""

from io import BytesIO

from workers.engines.recipients import BadRow, Row, read


def lines(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def rows(text: str) -> list[Row]:
    """The rows of a list without bad ones."""
    found = list(read(BytesIO(text.encode())))
    assert [row for row in found if isinstance(row, BadRow)] == []
    return [row for row in found if isinstance(row, Row)]


def bad(content: str | bytes) -> dict[int, str]:
    """Why which lines are bad."""
    raw = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    return {row.line: row.why for row in read(BytesIO(raw)) if isinstance(row, BadRow)}
