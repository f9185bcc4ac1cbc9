"""No spreadsheet runs what somebody wrote, and what was marked as text for it is read back as it was."""

import pytest

from jobs.cells import bare, harmless


@pytest.mark.parametrize(
    ("text", "cell"),
    [("=1+1", "'=1+1"), (" =1+1", "' =1+1"), ("@ada", "'@ada"), ("ada", "ada"), ("'ada'", "'ada'"), ("", "")],
    ids=["formula", "blank", "at", "plain", "quoted", "empty"],
)
def test_what_is_written_for_a_spreadsheet_is_read_back(text: str, cell: str) -> None:
    assert harmless(text) == cell
    assert bare(cell) == text
