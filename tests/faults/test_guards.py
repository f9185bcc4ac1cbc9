"""Each guard that is to be taken out is there, once, and its case runs that row."""

import pytest

from tests.faults.cases import all_cases
from tests.faults.guards import GUARDS, Guard
from tests.faults.lab import ROOT


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_the_text_of_a_guard_stands_there_once(guard: Guard) -> None:
    text = (ROOT / guard.file).read_text()

    assert text.count(guard.text) == 1, f"{guard.file} changed: say in tests/faults/guards.py what guards now"
    compile(text.replace(guard.text, guard.instead), guard.file, "exec")
    assert guard.case in all_cases()


def test_guards_have_names_of_their_own() -> None:
    assert len({guard.name for guard in GUARDS}) == len(GUARDS)
