"""The SMTP engine: what it says of a recipient is what happened to them."""

import time

import pytest

from tests.engines.smtp.conftest import message, send, verdicts, way_to
from tests.smtp_script import ScriptedServer, scripted
from workers.engines.smtp.connection import AWAY
from workers.engines.smtp.mailer import Mailer

THREE = [message(f"{name}@example.org") for name in ("ada", "bob", "eve")]


@pytest.mark.parametrize("extensions", [("PIPELINING",), ("8BITMIME",)], ids=["pipelined", "one-by-one"])
def test_each_recipient_of_one_transaction_gets_an_answer_of_its_own(extensions: tuple[str, ...]) -> None:
    with scripted(*extensions) as mill:
        mill.script["RCPT bob@example.org"] = "550 5.1.1 No such mailbox"
        mill.script["RCPT eve@example.org"] = "452 4.2.2 Full"

        [[ada, bob, eve]] = send(
            way_to(mill), message("ada@example.org", "bob@example.org", "eve@example.org")
        )

    assert (ada.verdict, ada.code) == ("taken", 250)
    assert (bob.verdict, bob.code, bob.status, bob.text) == ("refused", 550, "5.1.1", "5.1.1 No such mailbox")
    assert (eve.verdict, eve.code, eve.status) == ("put_off", 452, "4.2.2")
    assert mill.recipients == ["ada@example.org"]


def test_messages_arrive_as_they_were_over_one_connection(mill: ScriptedServer) -> None:
    contents = [
        b"Subject: a\r\n\r\n.\r\n..\r\n.x\r\n",
        b"Subject: b\r\n\r\n" + b"x" * 600_000 + b"\r\n",
        b"A: b\r\n\r\n\r\n",
        b".\r\n",
    ]

    found = send(way_to(mill), *[message(content=content) for content in contents])

    assert verdicts(found) == [["taken"]] * len(contents)
    assert [taken.content for taken in mill.taken] == contents
    assert len(mill.sessions) == 1


def test_the_next_envelope_goes_out_behind_a_message(mill: ScriptedServer) -> None:
    """The server answers nothing until the last command of a group; whoever waits earlier waits in vain."""
    mill.answers_late_for = len(THREE)

    found = send(way_to(mill, seconds=2.0), *THREE)

    assert verdicts(found) == [["taken"]] * 3


def test_a_server_that_answers_in_several_packets_is_not_kept_waiting(mill: ScriptedServer) -> None:
    """It waits for an acknowledgement between them, which a kernel puts off for 40 ms if it is not asked."""
    many = [message(f"{number}@example.org") for number in range(100)]
    took = []

    for _ in range(3):  # one of them meets a machine that is quick enough
        began = time.monotonic()
        send(way_to(mill), *many)
        took.append(time.monotonic() - began)

    assert min(took) < len(many) * 0.02
    assert len(mill.taken) == 3 * len(many)


def test_a_server_that_does_not_pipeline_is_asked_one_by_one() -> None:
    with scripted("8BITMIME") as mill:
        found = send(way_to(mill), *THREE)

    assert verdicts(found) == [["taken"]] * 3
    assert len(mill.sessions) == 1


@pytest.mark.parametrize(
    ("where", "said", "verdict"),
    [
        ("MAIL", "451 4.3.0 Busy", "put_off"),
        ("MAIL", "552 5.3.4 Too large", "refused"),
        ("RCPT", "450 4.2.0 Greylisted", "put_off"),
        ("RCPT", "550 5.7.1 Not wanted", "refused"),
        ("DATA", "451 4.3.0 No room", "put_off"),
        ("DATA", "554 5.3.0 No", "refused"),
        ("DOT", "452 4.3.1 Disk full", "put_off"),
        ("DOT", "554 5.6.0 Looks like spam", "refused"),
    ],
    ids=str,
)
@pytest.mark.parametrize("extensions", [("PIPELINING",), ("8BITMIME",)], ids=["pipelined", "one-by-one"])
def test_after_an_error_the_next_message_is_sent_as_ever(
    extensions: tuple[str, ...], where: str, said: str, verdict: str
) -> None:
    with scripted(*extensions) as mill:
        mill.script[where] = [said, "354 Go on" if where == "DATA" else "250 OK"]

        found = send(way_to(mill), *THREE)

    assert verdicts(found) == [[verdict], ["taken"], ["taken"]]
    assert found[0][0].status == said.split()[1]
    assert mill.recipients == ["bob@example.org", "eve@example.org"]


def test_after_an_error_the_server_is_told_to_forget(mill: ScriptedServer) -> None:
    mill.script["RCPT ada@example.org"] = "550 5.1.1 No"

    send(way_to(mill), *THREE)

    assert [line for line in mill.sessions[0].lines if line == "RSET"] == ["RSET"]


def test_nothing_empty_is_delivered_by_a_server_that_says_go_on_with_nobody_to_give_it_to(
    mill: ScriptedServer,
) -> None:
    """It took RCPT for the first message's: another's envelope is behind a sender that was refused."""
    mill.script["MAIL"] = ["503 5.5.1 Nested MAIL", "250 OK"]

    found = send(way_to(mill), *THREE[:2])

    assert verdicts(found) == [["refused"], ["taken"]]
    assert mill.recipients == ["bob@example.org"]
    assert len(mill.sessions) == 2


def test_a_server_that_did_not_forget_the_message_that_failed_is_asked_anew(mill: ScriptedServer) -> None:
    """The next envelope was on its way already, and its sender is refused."""
    mill.script |= {"DOT": ["451 4.3.0 Busy", "250 OK"], "MAIL": ["250 OK", "503 5.5.1 Nested", "250 OK"]}

    found = send(way_to(mill), *THREE)

    assert verdicts(found) == [["put_off"], ["taken"], ["taken"]]
    assert mill.recipients == ["bob@example.org", "eve@example.org"]


@pytest.mark.parametrize("said", ["553 5.1.8 Not you", "530 Sign in first", "501 5.1.7 Bad sender"])
def test_a_sender_that_is_refused_stops_all_mail_and_nobody_is_refused(
    mill: ScriptedServer, said: str
) -> None:
    mill.script["MAIL"] = said
    mailer = Mailer(way_to(mill))

    assert verdicts(list(mailer.send(THREE))) == [["unsent"]] * 3
    assert str(mailer.stopped) == f"The mail server refuses our sender {THREE[0].sender}: {said}"
    assert mailer.stopped
    assert "Not you" not in mailer.stopped.told


@pytest.mark.parametrize("said", ["552 Too large", "550 5.3.4 Too large", "555 Unknown parameter"])
def test_what_is_said_of_one_message_before_it_stops_no_other(mill: ScriptedServer, said: str) -> None:
    mill.script["MAIL"] = [said, "250 OK"]

    assert verdicts(send(way_to(mill), *THREE)) == [["refused"], ["taken"], ["taken"]]


def test_an_international_message_that_is_refused_stops_no_other(mill: ScriptedServer) -> None:
    mill.script["MAIL"] = ["550 5.1.3 What is this?", "250 OK"]

    found = send(way_to(mill), message("dörte@example.org", is_international=True), THREE[0])

    assert verdicts(found) == [["refused"], ["taken"]]


def test_a_connection_that_is_refused_a_sender_after_errors_is_replaced(mill: ScriptedServer) -> None:
    """It was not about the sender: too many recipients were refused over it."""
    mill.script |= {
        "RCPT ada@example.org": "550 5.1.1 No",
        "MAIL": ["250 OK", "554 5.7.1 Too many errors", "250 OK"],
    }

    assert verdicts(send(way_to(mill), *THREE)) == [["refused"], ["taken"], ["taken"]]
    assert len(mill.sessions) == 2


def test_a_sender_that_is_refused_to_each_recipient_stops_all_mail_after_a_few(mill: ScriptedServer) -> None:
    mill.script["RCPT"] = "550 5.1.0 <mill@example.org>: Sender address rejected: User unknown"
    mailer = Mailer(way_to(mill))

    found = list(mailer.send([message(f"{number}@example.org") for number in range(5)]))

    assert verdicts(found) == [["refused"]] * 2 + [["unsent"]] * 3
    assert "refuses our sender" in str(mailer.stopped)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"RCPT 0@example.org": "250 OK"}, "554 5.7.1 Sender address rejected: insiders only"),
        ({"RCPT 2@example.org": "550 5.1.1 No"}, "554 5.7.1 Sender address rejected: insiders only"),
        ({}, "550 5.1.1 No such mailbox"),
        ({}, "450 4.1.8 Sender address rejected: Domain not found"),
    ],
    ids=["one-was-taken", "not-in-a-row", "no-sender", "for-now"],
)
def test_recipients_who_refuse_us_stop_nobody_elses_mail(
    mill: ScriptedServer, others: dict[str, str | list[str]], said: str
) -> None:
    mill.script |= {"RCPT": said} | others
    mailer = Mailer(way_to(mill))

    found = list(mailer.send([message(f"{number}@example.org") for number in range(4)]))
    mailer.close()

    assert mailer.stopped is None
    assert ["unsent"] not in verdicts(found)


@pytest.mark.parametrize("most", [1, 2])
def test_too_many_messages_in_one_session_are_sent_in_several(mill: ScriptedServer, most: int) -> None:
    mill.most_per_session = most

    found = send(way_to(mill), *THREE)

    assert verdicts(found) == [["taken"]] * 3
    assert mill.recipients == [f"{name}@example.org" for name in ("ada", "bob", "eve")]


def test_too_many_messages_may_be_said_to_a_sender(mill: ScriptedServer) -> None:
    mill.script["MAIL"] = ["250 OK", "451 4.7.0 Too many messages in this session", "250 OK"]

    assert verdicts(send(way_to(mill), *THREE)) == [["taken"]] * 3
    assert len(mill.sessions) == 2


@pytest.mark.parametrize(
    ("where", "first"),
    [("GREETING", "unsent"), ("EHLO", "unsent"), ("MAIL", "unsent"), ("RCPT", "put_off"), ("DATA", "unsent")],
)
def test_a_server_that_asks_to_be_left_alone_is_left_alone(
    mill: ScriptedServer, where: str, first: str
) -> None:
    """What is said to a recipient may be about them, and is charged to them."""
    mill.script[where] = "421 4.3.2 Shutting down"
    mailer = Mailer(way_to(mill))

    found = list(mailer.send(THREE))

    assert verdicts(found) == [[first], ["unsent"], ["unsent"]]
    assert mailer.stopped is not None
    assert mailer.stopped.again_in == AWAY
    assert "421 4.3.2 Shutting down" in str(mailer.stopped)
    assert len(mill.sessions) == 1, "it was not bothered again"


def test_a_421_in_mid_batch_costs_no_message(mill: ScriptedServer) -> None:
    mill.script["RCPT bob@example.org"] = ["421 4.7.0 Later", "250 OK"]

    found = send(way_to(mill), *THREE)

    assert verdicts(found) == [["taken"]] * 3
    assert mill.recipients == ["ada@example.org", "bob@example.org", "eve@example.org"]


def test_a_421_in_mid_batch_that_goes_on_ends_the_batch(mill: ScriptedServer) -> None:
    mill.script["RCPT bob@example.org"] = "421 4.7.0 Later"
    mailer = Mailer(way_to(mill))

    found = list(mailer.send(THREE))

    assert verdicts(found) == [["taken"], ["put_off"], ["unsent"]]
    assert mailer.stopped is not None
    assert mailer.stopped.again_in == AWAY


@pytest.mark.parametrize("extensions", [("PIPELINING",), ("8BITMIME",)], ids=["pipelined", "one-by-one"])
def test_a_421_whose_words_are_about_a_recipient_stops_nobody_else(extensions: tuple[str, ...]) -> None:
    with scripted(*extensions) as mill:
        mill.script["RCPT bob@example.org"] = "421 4.7.0 Greylisted, come back later"
        mailer = Mailer(way_to(mill))

        found = list(mailer.send(THREE))
        mailer.close()

    assert verdicts(found) == [["taken"], ["put_off"], ["taken"]]
    assert mailer.stopped is None


def test_of_several_recipients_a_421_is_charged_to_the_one_it_was_said_to(mill: ScriptedServer) -> None:
    mill.script |= {"RCPT ada@example.org": "550 5.1.1 No", "RCPT bob@example.org": "421 4.7.0 Later"}
    names = [f"{name}@example.org" for name in ("ada", "tom", "bob", "eve")]

    [found] = send(way_to(mill), message(*names))

    assert [outcome.verdict for outcome in found] == ["refused", "unsent", "put_off", "unsent"]


def test_a_421_instead_of_taking_the_message_says_that_it_was_not_taken(mill: ScriptedServer) -> None:
    mill.script["DOT"] = ["421 4.3.0 Going down", "250 OK"]

    found = send(way_to(mill), *THREE)

    assert verdicts(found) == [["put_off"], ["taken"], ["taken"]]


def test_421_to_one_message_after_the_other_is_about_all_of_them(mill: ScriptedServer) -> None:
    mill.script["DOT"] = "421 4.7.0 Too busy"
    mailer = Mailer(way_to(mill))

    found = list(mailer.send(THREE))

    assert verdicts(found) == [["put_off"], ["put_off"], ["unsent"]]
    assert mailer.stopped is not None
    assert mailer.stopped.again_in == AWAY


def test_a_lost_answer_leaves_undecided_whom_it_was_about_and_nobody_else(mill: ScriptedServer) -> None:
    mill.script["RCPT bob@example.org"] = "550 5.1.1 No"
    mill.script["DOT"] = ["250 OK, then HANG UP", "250 OK"]

    found = send(way_to(mill), message("ada@example.org", "bob@example.org"), *THREE[1:])

    assert verdicts(found) == [["undecided", "refused"], ["refused"], ["taken"]]
    assert mill.recipients == ["ada@example.org", "eve@example.org"]


@pytest.mark.parametrize("where", ["MAIL", "RCPT", "DATA"])
def test_a_connection_that_breaks_early_sent_nothing(mill: ScriptedServer, where: str) -> None:
    mill.script[where] = "HANG UP"
    mailer = Mailer(way_to(mill))

    assert verdicts(list(mailer.send(THREE))) == [["unsent"]] * 3
    assert "broke before it had the mail" in str(mailer.stopped)


def test_a_worn_connection_is_replaced_without_a_word(mill: ScriptedServer) -> None:
    mill.script["RCPT bob@example.org"] = ["HANG UP", "250 OK"]

    assert verdicts(send(way_to(mill), *THREE)) == [["taken"]] * 3
    assert len(mill.sessions) == 2


def test_lost_answers_in_a_row_end_the_batch(mill: ScriptedServer) -> None:
    mill.script["DOT"] = "HANG UP"
    mailer = Mailer(way_to(mill))

    found = list(mailer.send([message(f"{number}@example.org") for number in range(5)]))

    assert verdicts(found) == [["undecided"]] * 3 + [["unsent"]] * 2
    assert "does not say whether it took the mail" in str(mailer.stopped)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("GREETING", ["unsent", "unsent"]),
        ("EHLO", ["unsent", "unsent"]),
        ("RCPT", ["unsent", "unsent"]),
        ("DATA", ["unsent", "unsent"]),
        ("DOT", ["undecided", "unsent"]),
    ],
    ids=["greeting", "hello", "recipient", "data", "dot"],
)
def test_a_reply_that_never_comes_is_not_waited_for_for_ever(
    mill: ScriptedServer, where: str, expected: list[str]
) -> None:
    mill.script[where] = "SILENCE"

    # What comes before the last dot has to be in time, also on a slow machine.
    found = send(way_to(mill, seconds=1.0 if where == "DOT" else 0.1), *THREE[:2])

    assert verdicts(found) == [[verdict] for verdict in expected]


@pytest.mark.parametrize(
    "said",
    ["Hello there", "25", "250-a\r\n250-b\r\n\x00\x01", "250" + "x" * 70_000],
    ids=["words", "short", "odd", "endless"],
)
def test_what_is_no_smtp_is_no_answer(mill: ScriptedServer, said: str) -> None:
    mill.script["MAIL"] = said

    assert verdicts(send(way_to(mill, seconds=0.5), *THREE[:1])) == [["unsent"]]


def test_an_answer_to_data_that_makes_no_sense_sends_nothing(mill: ScriptedServer) -> None:
    mill.script["DATA"] = "250 OK"

    assert verdicts(send(way_to(mill), *THREE[:1])) == [["unsent"]]


def test_an_international_address_goes_to_a_server_that_offers_it(mill: ScriptedServer) -> None:
    found = send(way_to(mill), message("dörte@example.org", is_international=True), *THREE[:1])

    assert verdicts(found) == [["taken"], ["taken"]]
    assert [taken.options for taken in mill.taken] == ["SMTPUTF8", ""]
    assert mill.recipients == ["dörte@example.org", "ada@example.org"]


def test_an_international_address_is_refused_where_it_is_not_offered() -> None:
    with scripted("PIPELINING") as mill:
        found = send(way_to(mill), THREE[0], message("dörte@example.org", is_international=True), THREE[1])

    assert verdicts(found) == [["taken"], ["refused"], ["taken"]]
    assert (found[1][0].status, found[1][0].code) == ("5.6.7", 0)
    assert "does not offer SMTPUTF8" in found[1][0].text


def test_a_message_that_is_too_large_is_not_sent_in_vain() -> None:
    with scripted("PIPELINING", "SIZE 100") as mill:
        found = send(way_to(mill), message(content=b"x" * 101 + b"\r\n"), THREE[0])

    assert verdicts(found) == [["refused"], ["taken"]]
    assert found[0][0].status == "5.3.4"
    assert mill.taken[0].options == f"SIZE={len(THREE[0].content)}"


def test_who_stops_listening_in_the_middle_leaves_no_half_of_a_message(mill: ScriptedServer) -> None:
    mailer = Mailer(way_to(mill))
    outcomes = mailer.send(THREE)
    next(outcomes)
    outcomes.close()

    assert verdicts(list(mailer.send(THREE[2:]))) == [["taken"]]
    mailer.close()
    assert mill.recipients == ["ada@example.org", "eve@example.org"]
    assert len(mill.sessions) == 2


def test_a_server_that_is_not_there_is_named() -> None:
    with scripted() as mill:
        server = way_to(mill)
    mailer = Mailer(server)

    assert verdicts(list(mailer.send(THREE[:1]))) == [["unsent"]]
    assert f"no connection to {server.address}" in str(mailer.stopped)
