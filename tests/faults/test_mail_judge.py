"""The judge of mail sees what went wrong with any one recipient, and says nothing where all is well."""

from uuid import UUID

import pytest

from jobs.states import ItemState
from tests.faults.judge import Verdict
from tests.faults.mail_judge import Found, Recipient, compare
from tests.faults.mail_sink import Arrived

CAREFUL, BOLD = UUID(int=1), UUID(int=2)
AGAIN = {CAREFUL: False, BOLD: True}


def ada(state: str, *, job: UUID = CAREFUL, was_named: bool = False) -> Recipient:
    return Recipient(7, job, "ada@example.org", ItemState(state), was_named or state == "uncertain")


def judged(recipient: Recipient, *arrived: Arrived) -> Found:
    return compare(Verdict(), {recipient.job: 1}, AGAIN, [recipient], arrived)


def mail(recipient: Recipient, *, id: str = "", to: str = "") -> Arrived:
    return Arrived(id or recipient.id, to or recipient.address)


@pytest.mark.parametrize(("state", "mails", "was_named", "job"), [
    ("done", 1, False, CAREFUL), ("uncertain", 0, True, CAREFUL), ("uncertain", 1, True, CAREFUL),
    ("failed", 0, False, CAREFUL), ("skipped", 0, False, CAREFUL), ("done", 2, True, BOLD),
    ("failed", 1, True, BOLD),
])  # fmt: skip
def test_who_was_reached_or_is_named_is_well(state: str, mails: int, was_named: bool, job: UUID) -> None:
    recipient = ada(state, job=job, was_named=was_named)

    found = judged(recipient, *[mail(recipient)] * mails)

    assert found.verdict.violations == []
    assert (found.verdict.lost, found.verdict.doubled) == (0, 0)
    assert (found.reached, found.twice) == (min(mails, 1), int(mails == 2))
    assert found.verdict.uncertain == was_named


@pytest.mark.parametrize(("state", "mails", "was_named", "job", "said"), [
    ("done", 0, False, CAREFUL, "said to be sent, and never came"),
    ("pending", 0, False, CAREFUL, "left open"),
    ("doing", 1, False, CAREFUL, "left open"),
    ("failed", 1, False, CAREFUL, "came, and is said not to have been sent"),
    ("done", 2, False, BOLD, "came twice, and was never called uncertain"),
    ("uncertain", 2, True, CAREFUL, "came twice, though at most one was asked for"),
])  # fmt: skip
def test_what_is_wrong_with_one_of_them_is_said(
    state: str, mails: int, was_named: bool, job: UUID, said: str
) -> None:
    recipient = ada(state, job=job, was_named=was_named)

    found = judged(recipient, *[mail(recipient)] * mails)

    assert [said in violation for violation in found.verdict.violations] == [True]
    assert found.verdict.lost + found.verdict.doubled == 1


def test_a_mail_under_an_id_of_nobody_is_one_too_many() -> None:
    recipient = ada("done")

    found = judged(recipient, mail(recipient), mail(recipient, id="<other@example.org>"))

    assert found.verdict.doubled == 1
    assert "under ids of nobody" in found.verdict.violations[0]


def test_who_gets_the_mail_of_another_is_noticed() -> None:
    recipient = ada("done")

    found = judged(recipient, mail(recipient, to="bob@example.org"))

    assert "somebody else's mail" in found.verdict.violations[0]


def test_a_recipient_that_the_ledger_forgot_is_lost() -> None:
    found = compare(Verdict(), {CAREFUL: 2}, AGAIN, [recipient := ada("done")], [mail(recipient)])

    assert found.verdict.lost == 1
    assert "not as many recipients as were accepted" in found.verdict.violations[0]
