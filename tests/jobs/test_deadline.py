"""An answer within a time."""

import threading

import pytest

from jobs.deadline import Question, Unanswered
from tests.waiting import eventually


def test_an_answer_is_given_and_an_error_raised() -> None:
    assert Question("sum", lambda: 2 + 2, seconds=5).answer() == 4
    with pytest.raises(ZeroDivisionError):
        Question("ratio", lambda: 1 / 0, seconds=5).answer()


def test_who_asks_a_second_time_waits_for_the_first_answer() -> None:
    release, asked = threading.Event(), []
    question = Question("slow", lambda: asked.append(1) or release.wait(), seconds=0.05)

    for _ in range(3):
        with pytest.raises(Unanswered, match=r"slow gave no answer within 0\.05 s"):
            question.answer()
    release.set()

    assert len(asked) == 1
    assert eventually(lambda: question.start().is_done)


def test_it_is_asked_again_once_there_was_an_answer() -> None:
    answers = iter([1, 2])
    question = Question("next", lambda: next(answers), seconds=5)

    assert [question.answer(), question.answer()] == [1, 2]
