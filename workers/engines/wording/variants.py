"""The wording of one mail in each of its languages, and which of them a recipient reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from jobs.mail.unsubscribe import VARIABLE
from workers.engines.mail import pattern
from workers.engines.mail.pattern import Pattern
from workers.engines.mail.writable import Unwritable
from workers.engines.wording.limits import BadWording, Missing
from workers.engines.wording.part import Part, Values


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The wording in one language; `language` is like `pt-br`, empty for the only one.

    Without HTML of its own it goes out in the installation's layout, where a button may lead to a link.
    """

    subject: str
    text: str
    html: str = ""
    button: str = ""
    link: str = ""
    language: str = ""

    @cached_property
    def parts(self) -> dict[str, Part]:
        """Its texts by their names; raises BadWording."""
        parts = {
            "subject": Part(self.subject, field=self._named("subject"), is_line=True),
            "text": Part(self.text, field=self._named("text")),
        }
        if self.html:
            parts["html"] = Part(self.html, field=self._named("html"), is_html=True)
        if self.button:
            parts["button"] = Part(self.button, field=self._named("button"), is_line=True)
        return parts

    @cached_property
    def link_pattern(self) -> Pattern | None:
        """Where the button leads: variables alone, each quoted as a part of a link; raises BadWording."""
        try:
            found = pattern.parse_link(self.link, field="link") if self.link else None
        except Unwritable as error:
            raise BadWording(self._named("link"), error.why) from None
        if found is not None and VARIABLE in found.variables:
            raise BadWording(self._named("link"), f"{VARIABLE} belongs into the text or the HTML")
        return found

    @cached_property
    def names(self) -> dict[str, set[str]]:
        """What is looked up in each of its texts, by the first of each path."""
        found = {field: set(part.names) for field, part in self.parts.items()}
        return found | ({"link": self.link_pattern.variables} if self.link_pattern else {})

    @cached_property
    def always(self) -> set[str]:
        """What it needs for everybody, whatever the values are."""
        return set().union(
            *(part.always for part in self.parts.values()),
            self.link_pattern.required if self.link_pattern else (),
        )

    @cached_property
    def own_names(self) -> set[str]:
        """Names that its texts give themselves."""
        return set().union(*(part.own_names for part in self.parts.values()))

    @property
    def names_unsubscribing(self) -> bool:
        """Whether its texts say themselves where a reader leaves the list."""
        return any(VARIABLE in part.names for part in self.parts.values())

    def check(self, values: Values) -> None:
        """Raises Unfilled if the mail could not be written for this recipient."""
        for part in self.parts.values():
            part.check(values)
        self._link_values(values)

    def values(self, values: Values) -> dict[str, str]:
        """What goes into the holes of its texts for one recipient; raises Unfilled."""
        filled = self._link_values(values)
        filled[VARIABLE] = str(values.get(VARIABLE, ""))  # the layout has a hole for it
        for part in self.parts.values():
            filled |= part.values(values)
        return filled

    def _link_values(self, values: Values) -> dict[str, str]:
        if self.link_pattern is None:
            return {}
        given = {name for name in self.link_pattern.variables if values.get(name) not in (None, "")}
        found = {name: str(values[name]) for name in given}
        for name in sorted(self.link_pattern.required - set(found)):
            raise Missing(name)
        return found

    def _named(self, field: str) -> str:
        return f"{field} ({self.language})" if self.language else field


class Wording:
    """The variants of one mail; the first is for whoever asks for no language that there is."""

    def __init__(self, variants: Sequence[Variant]) -> None:
        self.variants = {plain(variant.language): variant for variant in variants}
        if not variants or len(self.variants) < len(variants):
            raise BadWording("languages", "name each one once, and at least one")
        self.first = variants[0]
        for variant in variants:
            _ = variant.parts, variant.link_pattern  # what cannot be understood is refused now

    @property
    def names_unsubscribing(self) -> bool:
        """Whether one of them does."""
        return any(variant.names_unsubscribing for variant in self.variants.values())

    def choose(self, language: str) -> Variant:
        """`pt-br`, else `pt`, else the first."""
        asked = plain(language)
        while asked:
            if asked in self.variants:
                return self.variants[asked]
            asked = asked.rpartition("-")[0]
        return self.first

    def check(self, values: Values, language: str) -> None:
        """Raises Unfilled if the mail could not be written for this recipient."""
        self.choose(language).check(values)


def plain(language: str) -> str:
    """A language as it is compared."""
    return language.strip().replace("_", "-").lower()
