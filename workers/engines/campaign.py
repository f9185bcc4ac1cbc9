"""A campaign as the ledger and the pages see it: who is on its list, what each reads, and who cannot."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol
from uuid import UUID

from jobs.conf import conf
from jobs.errors import BadPayload, Problem
from jobs.mail.mailing import TO_MANY
from jobs.mail.suppression import look_up
from jobs.mail.unsubscribe import VARIABLE, page_to_unsubscribe
from jobs.registry import Declared
from jobs.review import Line, Mark, OpenFile, Sample, Seen
from workers.engines.enclosures import show
from workers.engines.recipients import MOST_NAMES, BadList, BadRow, Charset, Row, read, read_on, texts
from workers.engines.wording import Names, Unfilled, Wording, letter

KIND = "email.campaign"
NOT_SEEN = Seen()
TOLD = 1_000
"""So many bad lines a refusal names; the page of a draft has all of them."""


class Listed(Protocol):
    """One whom the payload itself names."""

    @property
    def to(self) -> str: ...
    @property
    def known(self) -> dict[str, Any]: ...


class Asked(Protocol):
    """What is read of a payload."""

    @property
    def file(self) -> UUID | None: ...
    @property
    def charset(self) -> Charset: ...
    @property
    def recipients(self) -> Sequence[Listed]: ...
    @property
    def attachments(self) -> Sequence[UUID]: ...
    @property
    def images(self) -> Sequence[UUID]: ...
    @property
    def wording(self) -> Wording: ...
    @property
    def test_to(self) -> str | None: ...
    @property
    def test_of(self) -> int: ...


def rows(payload: Asked, open_file: OpenFile) -> Iterator[Row | BadRow]:
    """Everybody, in order, and every row that is nobody; raises BadPayload for a list that cannot be read.

    At its end it is raised too, if the text uses a name that no line had: then the text is to be mended.
    Those whom the payload itself names are good: it was refused otherwise.
    """
    if payload.file is None:
        for number, each in enumerate(payload.recipients, start=1):
            values = each.known
            if VARIABLE in values:
                why = f"{VARIABLE} is the link that each mail gets; call the value something else"
                raise BadPayload(KIND, [Problem(("recipients", number - 1, "values"), why)])
            yield Row(number, each.to, values.get("name", ""), str(values.get("language", "")), values)
        return

    ours = shown_link() if payload.wording.names_unsubscribing else {}
    names = Names(payload.wording)
    columns: Collection[str] = ()
    but = "and the list has no such column"
    end: BadRow | None = None

    def check(row: Row, met: Collection[str]) -> str:
        nonlocal columns
        columns = met
        return names.objection(known(row) | ours, row.language)

    try:
        with open_file(payload.file) as file:
            for row in read(file, charset=payload.charset, most=conf().campaign_recipients, check=check):
                if isinstance(row, BadRow) and row.is_end:
                    end = row
                    but = f"and no line before {row.line:,} has such a column"
                else:
                    yield row
    except BadList as error:
        raise BadPayload(KIND, [Problem(("file",), str(error))]) from None
    if len(columns) < MOST_NAMES and (problems := list(names.problems(columns, but=but))):
        raise BadPayload(KIND, problems)
    if end is not None:
        yield end


def entries(payload: Asked, open_file: OpenFile) -> Iterator[Declared]:
    """The ledger's rows, each with what its mail may name; raises BadPayload if a line of the list is bad."""
    if payload.test_to:
        yield trial_entry(payload, open_file, payload.test_to)
        return
    problems: list[Problem] = []
    end: list[Problem] = []
    count = 0
    for row in rows(payload, open_file):
        if isinstance(row, Row):
            if not count:
                yield Declared(row.address, {"values": row.values})
            continue
        if row.is_end:
            end = [Problem(("file",), str(row))]
            break
        count += 1
        if len(problems) < TOLD:
            problems.append(Problem(("file",), str(row)))
    if count > len(problems):
        problems.append(
            Problem(("file",), f"and {count - len(problems):,} more; check the form to see them all")
        )
    problems += end
    if problems:
        raise BadPayload(KIND, problems)


def trial_entry(payload: Asked, open_file: OpenFile, address: str) -> Declared:
    """What one of the list would get, for somebody else; raises BadPayload if there is none."""
    found = nth(payload, open_file, payload.test_of)
    if found is None:
        raise BadPayload(KIND, [Problem(("test_of",), f"the list has no {payload.test_of}. recipient")])
    return Declared(address, {"values": known(found)})


def nth(payload: Asked, open_file: OpenFile, place: int, seen: Seen = NOT_SEEN) -> Row | None:
    """The good row at that place, from 1."""
    mark = seen.before(place)
    before = mark.good if mark else 0
    good = good_rows(payload, open_file, seen, mark)
    return next((row for number, row in enumerate(good, start=before + 1) if number == place), None)


def good_rows(payload: Asked, open_file: OpenFile, seen: Seen, mark: Mark | None = None) -> Iterator[Row]:
    """The good rows behind a mark; of a list that was seen before none is judged again."""
    if payload.file is None or seen.bad is None:
        yield from (row for row in rows(payload, open_file) if isinstance(row, Row))
        return
    lines, at = (mark.lines, mark.at) if mark else (0, ())
    try:
        with open_file(payload.file) as file:
            for number, row in enumerate(read_on(file, at=at, charset=payload.charset), start=lines + 1):
                if isinstance(row, Row) and number not in seen.bad:
                    yield row
    except BadList as error:
        raise BadPayload(KIND, [Problem(("file",), str(error))]) from None


def good_texts(payload: Asked, open_file: OpenFile, seen: Seen) -> Iterator[str]:
    """The addresses and names of the good rows; none is even understood where the list was seen before."""
    if payload.file is None or seen.bad is None:
        yield from (f"{row.address} {row.name}" for row in good_rows(payload, open_file, seen))
        return
    with open_file(payload.file) as file:
        for number, text in enumerate(texts(file, charset=payload.charset), start=1):
            if number not in seen.bad:
                yield text


def known(row: Row) -> dict[str, Any]:
    """What a mail may name: the address, and every column."""
    return {"email": row.address, **row.values}


def shown_link() -> dict[str, str]:
    """What stands for the link to unsubscribe before there is a job: it ends nobody's mails."""
    page = page_to_unsubscribe()
    return {VARIABLE: f"{page}whoever-gets-it"} if page else {}


class CampaignReview:
    """What the pages show of a campaign before it is sent."""

    def lines(self, payload: Asked, open_file: OpenFile) -> Iterator[Line]:
        """Every line of the list, good or bad."""
        choose = payload.wording.choose
        for row in rows(payload, open_file):
            if isinstance(row, Row):
                yield Line(row.line, row.address, "", choose(row.language).language, row.next)
            else:
                yield Line(row.line, row.shown, row.why, is_end=row.is_end)

    def sample(self, payload: Asked, open_file: OpenFile, place: int, seen: Seen) -> Sample | None:
        """What one of them reads."""
        row = nth(payload, open_file, place, seen)
        if row is None:
            return None
        to = f"{row.name} <{row.address}>" if row.name else row.address
        variant = payload.wording.choose(row.language)
        try:
            values = variant.values(known(row) | shown_link())
        except Unfilled as error:
            return Sample(row.line, to, "", "", why_not=error.why, variant=variant.language)
        pictures = {each.name: each for each in map(open_file.about, payload.images)}
        html, names = show(variant.html, {name: each.id.hex for name, each in pictures.items()})
        made = letter(replace(variant, html=html))
        return Sample(
            line=row.line,
            to=to,
            subject=made.subject.fill(values),
            text=made.text.fill(values),
            html=made.html.fill(values) if made.html is not None else "",
            files=[open_file.about(each) for each in payload.attachments],
            pictures=[pictures[name] for name in names],
            variant=variant.language,
        )

    def find(self, payload: Asked, open_file: OpenFile, text: str, after: int, seen: Seen) -> int | None:
        """The place of somebody whose address or name has this text."""
        wanted, first = text.strip().casefold(), None
        for place, said in enumerate(good_texts(payload, open_file, seen), start=1):
            if wanted in said.casefold():
                if place > after:
                    return place
                first = first or place
        return first

    def warnings(self, payload: Asked) -> Iterator[str]:
        """What its readers would miss."""
        variants = payload.wording.variants.values()
        if not page_to_unsubscribe():
            if payload.wording.names_unsubscribing:
                yield (
                    f"{{{{ {VARIABLE} }}}} stands for nothing here: this installation has no address"
                    " (PUBLIC_URL) at which readers could unsubscribe."
                )
            return
        bare = [each for each in variants if each.html and not each.names_unsubscribing]
        if bare:
            languages = ", ".join(each.language for each in bare if each.language)
            named = f" ({languages})" if languages else ""
            yield (
                f"Neither the HTML nor the text{named} has a link to unsubscribe. Write"
                f" {{{{ {VARIABLE} }}}} where it is to stand: some mail programs show no button of their own."
            )

    def left_out(self, payload: Asked, owner: int, shown: Sequence[str]) -> int:
        """Those on the owner's list of suppressions."""
        found = {} if payload.test_to else look_up(owner, shown)
        return sum(reason in TO_MANY for reason in found.values())

    def alone(self, payload: Asked) -> str:
        """A test goes to one."""
        return payload.test_to or ""

    def trial(self, payload: Any, place: int, address: str) -> Mapping[str, Any]:
        """A campaign of one mail."""
        return {**payload.model_dump(mode="json"), "test_to": address, "test_of": place}
