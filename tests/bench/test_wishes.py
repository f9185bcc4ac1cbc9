"""What can be asked for."""

from __future__ import annotations

import pytest

from bench.wishes import RESULTS, ROUNDS, read_wishes

MEASURES = ("S1", "S2", "S3")


def test_all_measures_are_kept_unless_it_is_quick() -> None:
    whole, quick = read_wishes([], MEASURES), read_wishes(["--quick"], MEASURES)

    assert whole.wants("S3") and whole.rounds == ROUNDS and whole.results == RESULTS
    assert quick.rounds == 1 and quick.results is None


def test_some_can_be_asked_for() -> None:
    wishes = read_wishes(["--only", "s1,S3", "--rounds", "7"], MEASURES)

    assert wishes.only == {"S1", "S3"} and not wishes.wants("S2") and wishes.rounds == 7


def test_one_word_asks_for_several() -> None:
    wishes = read_wishes(["--only", "s1,email"], MEASURES, {"EMAIL": ("S2", "S3")})

    assert wishes.only == {"S1", "S2", "S3"}


@pytest.mark.parametrize(
    ("asked", "said"), [(["--only", "S9"], "no measure S9"), (["--jobs", "0"], "JOBS=0 measures nothing")]
)
def test_nonsense_is_refused_with_a_sentence(
    asked: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        read_wishes(asked, MEASURES)

    assert said in capsys.readouterr().err
