"""Sends messages one after the other over one connection, and says of every recipient how it ended.

Where the server can (RFC 2920), a message's envelope goes out behind the message before it, so that each
costs one round trip. What cannot be said with certainty is `undecided`: whatever breaks before the final
dot was surely not sent, whatever breaks between it and its answer may have been.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from jobs.mail.status import PERMANENT, names_sender, refuses_sender
from workers.engines.smtp.connection import Broken, Connection, Silent, Unreachable, left_alone, unwelcome
from workers.engines.smtp.outcome import GOING_AWAY, Outcome, Reply, Verdict
from workers.engines.smtp.server import Server

GO_AHEAD = 354
UNDECIDED_IN_A_ROW = 3
"""After so many lost answers no more messages are put at risk."""
SENT_AWAY_IN_A_ROW = 2
"""So many 421 to messages are about all of them; one may be about that message, or its connection."""
SENDER_REFUSED_IN_A_ROW = 3
"""So many who refuse our sender before anybody is taken are about it; one may be a list for insiders."""
NOT_INTERNATIONAL = "5.6.7"
TOO_LARGE = "5.3.4"


class Envelope(Protocol):
    """A message, as far as sending it goes."""

    @property
    def sender(self) -> str: ...
    @property
    def recipients(self) -> Sequence[str]: ...
    @property
    def pieces(self) -> Sequence[bytes]:
        """The message; each piece begins a line."""

    @property
    def is_international(self) -> bool: ...


class Answers(NamedTuple):
    """What a server said to an envelope: to the sender, to each recipient, and to DATA."""

    sender: Reply
    recipients: Sequence[Reply]
    data: Reply | None

    @property
    def sent_away_at(self) -> Reply | None:
        """The 421 to a recipient with which it closed the connection: then nothing follows."""
        return next((reply for reply in self.recipients if reply.code == GOING_AWAY), None)


class Mailer:
    """A way to one server; kept open between messages. For one thread."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.stopped: Unreachable | None = None
        """Why no more is sent, once the server is away."""
        self.handed: Envelope | None = None
        """The last message whose end was, or may have been, given to the server."""
        self._connection: Connection | None = None
        self._is_asked = False
        """Whether the next message's envelope is on its way already."""
        self._is_unclean = False
        """Whether the server may still hold the envelope of a message it did not get."""
        self._is_doubted = False
        """Whether the message before failed when this one's envelope was behind it already."""
        self._undecided = self._sent_away = self._sender_refused = 0

    def send(self, messages: Sequence[Envelope]) -> Iterator[list[Outcome]]:
        """For each message, in order, an outcome for each of its recipients; nothing is raised.

        Once the server is away (`stopped` says why), all that follow are `unsent`.
        """
        try:
            for place, message in enumerate(messages):
                yield self._send(message, messages[place + 1] if place + 1 < len(messages) else None)
        finally:
            if self._is_asked:  # whoever asked stopped listening in the middle
                self.drop()

    def close(self) -> None:
        """Take leave of the server."""
        if self._connection is not None:
            self._connection.quit()
            self.drop()

    def drop(self) -> None:
        """Close the connection, in whatever state it is."""
        if self._connection is not None:
            self._connection.drop()
        self._connection = None
        self._is_asked = self._is_unclean = self._is_doubted = False

    def _send(self, message: Envelope, following: Envelope | None) -> list[Outcome]:
        try:
            if self.stopped is not None:
                raise self.stopped
            connection = self._connected()
            if impossible := _impossible(message, connection):
                return impossible
            answers = self._asked(message)
            self._count_refusals(message, answers)
        except Unreachable as error:
            self.stopped = error
            return _all(message, Verdict.UNSENT, str(error))
        if (going := answers.sent_away_at) is not None:
            # All are left alone for it, unless its words are about this recipient; but they are charged.
            self.stopped = left_alone(going) if going.is_too_much else None
            return _sent_away(message, answers, going)
        outcomes = _outcomes(message, answers)
        waiting = [found.recipient for found in outcomes if found.verdict is Verdict.TAKEN]
        if not waiting:
            self._is_unclean = self._connection is not None
            return outcomes
        final = self._hand_over(message, waiting, following)
        return [final.get(found.recipient, found) for found in outcomes]

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = Connection.open(self.server)
        return self._connection

    def _asked(self, message: Envelope) -> Answers:
        """The server's answers to the envelope; from a new connection if the old one is worn out."""
        while True:
            connection = self._connected()
            is_used, is_proven = connection.asked > 0, connection.taken > 0 or self._is_doubted
            connection.asked += 1
            try:
                answers = self._ask(connection, message)
                if answers.data is not None and answers.data.is_good:
                    raise Broken(f"the server answered DATA with {answers.data}")
            except Broken as error:
                self.drop()
                if not is_used:
                    raise Unreachable(
                        f"The connection to the mail server broke before it had the mail: {error}"
                    ) from error
                continue
            going = next((reply for reply in _said(answers) if reply.code == GOING_AWAY), None)
            if going is not None:
                self.drop()
                if not is_used and answers.sent_away_at is not None:
                    return answers
                if not is_used:
                    raise left_alone(going)
            elif not answers.sender.is_good and (
                is_proven or (is_used and _is_final(message, answers.sender))
            ):
                # "Too many messages in one session", or it did not forget the message that failed.
                self.close()
            elif _is_final(message, answers.sender):
                self.close()
                raise unwelcome(message.sender, answers.sender)
            elif too_much := _too_much(answers):
                self.close()
                raise left_alone(too_much)
            else:
                return answers

    def _count_refusals(self, message: Envelope, answers: Answers) -> None:
        """Most servers refuse a sender in answer to each recipient: raises Unreachable after a few."""
        said = [each for each in answers.recipients if each.code // 100 == PERMANENT]
        refused = [each for each in said if names_sender(each.text)]
        is_known = self._connection is not None and self._connection.taken > 0
        if not refused or is_known:
            self._sender_refused = 0
            return
        self._sender_refused += 1
        if self._sender_refused >= SENDER_REFUSED_IN_A_ROW:
            self._sender_refused = 0
            self.close()
            raise unwelcome(message.sender, refused[0])

    def _ask(self, connection: Connection, message: Envelope) -> Answers:
        commands = _commands(message, connection)
        is_asked, self._is_asked = self._is_asked, False
        if not is_asked and self._is_unclean:
            if not connection.ask("RSET").is_good:
                raise Broken("the server refuses RSET")
            self._is_unclean = False
        if not connection.offers("PIPELINING"):
            return _one_by_one(connection, commands)
        if not is_asked:
            connection.write(_lines(commands))
        replies: list[Reply] = []
        for _ in commands:
            replies.append(connection.read())
            if replies[-1].code == GOING_AWAY and len(replies) < len(commands):
                return Answers(replies[0], replies[1:], None)
        sender, *recipients, data = replies
        is_wanted = sender.is_good and any(reply.is_good for reply in recipients)
        if data.code == GO_AHEAD and not is_wanted:
            # A dot alone might be delivered as an empty message.
            self.drop()
        return Answers(sender, recipients, data)

    def _hand_over(
        self, message: Envelope, waiting: list[str], following: Envelope | None
    ) -> dict[str, Outcome]:
        """Give it the message, and the envelope of the next; how it ended, for those who wait for it."""
        connection = self._connected()
        *pieces, last = map(_stuffed, message.pieces)
        end = b".\r\n"
        if following and connection.offers("PIPELINING") and not _impossible(following, connection):
            end += _lines(_commands(following, connection))
            self._is_asked = True
        try:
            connection.write(*pieces)
            self.handed = message  # before it is: whoever interrupts us here is to know
            connection.write(last + end)
        except Broken as error:
            self.drop()
            if self.handed is not message or not error.reached_end:
                return _each(waiting, Verdict.UNSENT, f"the connection broke before it had the mail: {error}")
            return self._undecide(waiting, error)
        try:
            final = connection.read(self.server.final_seconds)
        except Broken as error:
            self.drop()
            return self._undecide(waiting, error)
        self._undecided = 0
        if final.is_good:
            connection.taken += 1
        self._is_doubted = not final.is_good
        self._sent_away = self._sent_away + 1 if final.code == GOING_AWAY else 0
        if final.stops_all or self._sent_away >= SENT_AWAY_IN_A_ROW:
            self.drop()
            self.stopped = left_alone(final)
        elif self._sent_away:
            self.drop()
        # Also where all others have to wait: what was said to this message is charged to it, and so ends.
        return {recipient: Outcome.of(recipient, final, is_of_message=True) for recipient in waiting}

    def _undecide(self, waiting: list[str], error: Broken) -> dict[str, Outcome]:
        self._undecided += 1
        if isinstance(error, Silent) or self._undecided >= UNDECIDED_IN_A_ROW:
            self.stopped = Unreachable(f"The mail server does not say whether it took the mail: {error}")
        return _each(waiting, Verdict.UNDECIDED, str(error))


def _commands(message: Envelope, connection: Connection) -> list[str]:
    options = f" SIZE={_size(message)}" if connection.offers("SIZE") else ""
    if message.is_international:
        options += " SMTPUTF8"
    recipients = [f"RCPT TO:<{recipient}>" for recipient in message.recipients]
    return [f"MAIL FROM:<{message.sender}>{options}", *recipients, "DATA"]


def _size(message: Envelope) -> int:
    return sum(map(len, message.pieces))


def _stuffed(content: bytes) -> bytes:
    """Every line that begins with a dot has one more, so that none ends the message."""
    if b"." not in content:  # a file in base64: to look for less is much faster
        return content
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def _lines(commands: list[str]) -> bytes:
    return "".join(f"{command}\r\n" for command in commands).encode()


def _one_by_one(connection: Connection, commands: list[str]) -> Answers:
    """For servers that cannot be sent several commands at once."""
    sender = connection.ask(commands[0])
    replies: list[Reply] = []
    for command in commands[1:-1] if sender.is_good else []:
        replies.append(connection.ask(command))
        if replies[-1].code == GOING_AWAY:
            return Answers(sender, replies, None)
    is_wanted = any(reply.is_good for reply in replies)
    return Answers(sender, replies, connection.ask(commands[-1]) if is_wanted else None)


def _said(answers: Answers) -> list[Reply]:
    return [answers.sender, *answers.recipients, *([answers.data] if answers.data else [])]


def _too_much(answers: Answers) -> Reply | None:
    """An answer by which the server wants less of all mail; one to a recipient is about them."""
    said = [answers.sender, *([answers.data] if answers.data else [])]
    return next((reply for reply in said if reply.is_too_much), None)


def _is_final(message: Envelope, reply: Reply) -> bool:
    """Whether this answer to MAIL ends all mail of ours."""
    return not message.is_international and refuses_sender(*reply)


def _sent_away(message: Envelope, answers: Answers, going: Reply) -> list[Outcome]:
    """Who was answered 421, or refused before that, was told so; nobody else was sent anything."""
    said = dict(zip(message.recipients, answers.recipients, strict=False))
    return [
        Outcome.of(each, said[each])
        if each in said and not said[each].is_good
        else Outcome.without_reply(each, Verdict.UNSENT, str(going))
        for each in message.recipients
    ]


def _outcomes(message: Envelope, answers: Answers) -> list[Outcome]:
    """The last word so far about each; `taken` if all that is missing is the message itself."""
    if not answers.sender.is_good:
        return [Outcome.of(each, answers.sender, is_of_message=True) for each in message.recipients]
    outcomes = [
        Outcome.of(recipient, reply)
        for recipient, reply in zip(message.recipients, answers.recipients, strict=True)
    ]
    data = answers.data  # never 2xx: that was no SMTP
    if data is None or data.code == GO_AHEAD:
        return outcomes
    return [
        Outcome.of(found.recipient, data, is_of_message=True) if found.verdict is Verdict.TAKEN else found
        for found in outcomes
    ]


def _impossible(message: Envelope, connection: Connection) -> list[Outcome]:
    """Outcomes if this server cannot carry it at all, as it says itself."""
    if message.is_international and not connection.offers("SMTPUTF8"):
        why = "an address is not ASCII, and this mail server does not offer SMTPUTF8"
        return _all(message, Verdict.REFUSED, why, status=NOT_INTERNATIONAL)
    if 0 < connection.largest < _size(message):
        why = f"the message has {_size(message)} bytes, the mail server takes {connection.largest}"
        return _all(message, Verdict.REFUSED, why, status=TOO_LARGE)
    return []


def _all(message: Envelope, verdict: Verdict, why: str, *, status: str = "") -> list[Outcome]:
    return [Outcome.without_reply(each, verdict, why, status=status) for each in message.recipients]


def _each(recipients: list[str], verdict: Verdict, why: str) -> dict[str, Outcome]:
    return {each: Outcome.without_reply(each, verdict, why) for each in recipients}
