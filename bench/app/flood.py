"""What the mail sink can take: `python -m bench.app.flood FIRST END` sends mails that were written before."""

from __future__ import annotations

import sys

import django

from bench.letters import address, reader

CHUNK = 1_000


def main(first: str, end: str) -> None:
    """To these readers, the same to each, over one connection."""
    django.setup()
    from bench.app.send_messages import make_writer
    from workers.engines.mail.letter import Message
    from workers.engines.smtp.mailer import Mailer
    from workers.engines.smtp.outcome import Verdict
    from workers.engines.smtp.server import configured

    written = make_writer()(reader(0))
    content = written.message().as_bytes(linesep="\r\n")
    mailer = Mailer(configured())
    for place in range(int(first), int(end), CHUNK):
        numbers = range(place, min(place + CHUNK, int(end)))
        mails = [Message("mill@mill.example", [address(number)], [content]) for number in numbers]
        for outcomes in mailer.send(mails):
            if outcomes[0].verdict is not Verdict.TAKEN:
                raise SystemExit(f"The sink said: {outcomes[0]}")
    mailer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
