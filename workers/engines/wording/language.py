"""Django's template language, made small: what user-written wording may use, and a parser for no more.

Left out on purpose: what loads, calls or trusts (`load include extends ssi url debug autoescape safe`), and
what makes gigabytes of a few signs (`with lorem add ljust center stringformat floatformat`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, NoReturn

from django.template import Library, defaultfilters, defaulttags
from django.template.base import Lexer, Node, NodeList, Parser, TextNode, Token, TokenType, tag_re
from django.template.defaulttags import ForNode
from django.template.exceptions import TemplateSyntaxError

from workers.engines.wording.limits import (
    CHARACTERS,
    EXPRESSIONS,
    NESTING,
    SOURCE_CHARACTERS,
    BadWording,
    TooMuch,
    Unfilled,
)
from workers.engines.wording.plain import Expression

OPENED = re.compile(r"\{\{|\{%")
TAGS = ("comment", "firstof", "if", "templatetag", "verbatim")
FILTERS = (
    "capfirst", "default", "default_if_none", "escape", "first", "force_escape", "last", "length",
    "linebreaks", "linebreaksbr", "lower", "pluralize", "title", "truncatechars", "truncatewords", "upper",
    "urlencode", "yesno",
)  # fmt: skip

register = Library()
for tag in TAGS:
    register.tag(tag, defaulttags.register.tags[tag])
for filter_ in FILTERS:
    register.filters[filter_] = defaultfilters.register.filters[filter_]


@register.filter(is_safe=True, needs_autoescape=True)
def join(value: Any, between: str, autoescape: bool = True) -> Any:
    """The values of a list, one after another."""
    if not isinstance(value, list):
        return value
    if sum(len(str(one)) for one in value) + len(value) * len(between) > CHARACTERS:
        raise TooMuch
    return defaultfilters.join(value, between, autoescape)


class Turns:
    """The values a loop goes over; each turn is paid for."""

    def __init__(self, values: list[Any], pay: Callable[[], None]) -> None:
        self._values = values
        self._pay = pay

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return self._paid(self._values)

    def __reversed__(self) -> Iterator[Any]:
        return self._paid(reversed(self._values))

    def _paid(self, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            self._pay()
            yield value


class Sequence:
    """What a loop goes over: a list, and nothing else."""

    def __init__(self, expression: Expression, characters: int) -> None:
        self._expression = expression
        self._characters = characters

    def resolve(self, context: Any, ignore_failures: bool = False) -> Turns:
        """The turns of the loop; none where there is no value."""
        found = self._expression.resolve(context, ignore_failures)
        if found in (None, ""):
            found = []
        if not isinstance(found, list):
            raise Unfilled(f"has something at {self._expression.token} that is no list to go over")
        return Turns(found, lambda: context.spend(1, self._characters))


@register.tag("for")
def do_for(parser: Parser, token: Token) -> ForNode:
    """`{% for one in many %}…{% empty %}…{% endfor %}`."""
    loop = defaulttags.do_for(parser, token)
    node: Any = loop
    written = sum(len(text.s) for text in node.nodelist_loop.get_nodes_by_type(TextNode))
    node.sequence = Sequence(node.sequence, written)
    return loop


class SmallParser(Parser):
    """A parser that knows our tags and filters only, and bounds what it reads."""

    depth = 0
    expressions = 0

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.names: set[str] = set()
        """What is looked up, by the first of each path."""
        self.arguments: set[tuple[str, ...]] = set()
        """What filters are given."""

    def parse(self, parse_until: Any = None) -> NodeList:
        self.depth += 1
        if self.depth > NESTING:
            raise TemplateSyntaxError(f"tags stand in one another more than {NESTING} deep")
        try:
            return super().parse(parse_until)
        finally:
            self.depth -= 1

    def compile_filter(self, token: str) -> Expression:
        self.expressions += 1
        if self.expressions > EXPRESSIONS:
            raise TemplateSyntaxError(f"there are more than {EXPRESSIONS:,} variables")
        expression = Expression(token, self)
        self.names |= expression.names
        self.arguments |= expression.arguments
        return expression

    def find_filter(self, filter_name: str) -> Any:
        if filter_name not in self.filters:
            known = ", ".join(sorted(self.filters))
            raise TemplateSyntaxError(f"there is no filter {filter_name!r} here; there are: {known}")
        return super().find_filter(filter_name)

    def invalid_block_tag(self, token: Token, command: str, parse_until: Any = None) -> NoReturn:
        known = ", ".join(sorted(self.tags))
        expected = f"expected {' or '.join(parse_until)}" if parse_until else f"there are: {known}"
        raise self.error(token, f"there is no tag {command!r} here; {expected}")


class Parsed(NamedTuple):
    """A text as it was understood: its nodes, what is looked up in it, and what filters are given."""

    nodes: list[Node]
    names: frozenset[str]
    arguments: frozenset[tuple[str, ...]]


def parse(source: str, *, field: str) -> Parsed:
    """A text; raises BadWording with the line."""
    if len(source) > SOURCE_CHARACTERS:
        raise BadWording(field, f"is longer than {SOURCE_CHARACTERS:,} characters")
    tokens = Lexer(source).tokenize()
    for token in tokens:
        check_closed(token, field)
    parser = SmallParser(tokens, {}, [register], None)
    try:
        nodes = list(parser.parse())
        return Parsed(nodes, frozenset(parser.names), frozenset(parser.arguments))
    except TemplateSyntaxError as error:
        raise BadWording(field, in_words(error), line_of(error)) from None
    except (ValueError, TypeError, IndexError, KeyError, RecursionError) as error:
        raise BadWording(field, f"is no template: {in_words(error)}", line_of(error)) from None


def check_closed(token: Token, field: str) -> None:
    """Django takes `{{ name` for text, and would send it; raises BadWording."""
    opened = OPENED.search(token.contents) if token.token_type is TokenType.TEXT else None
    if opened and not tag_re.fullmatch(token.contents):
        line = (token.lineno or 1) + token.contents.count("\n", 0, opened.start())
        raise BadWording(field, f"{opened[0]} is opened here and never closed", line)


def line_of(error: Exception) -> int:
    """Where the parser was."""
    token = getattr(error, "token", None)
    return token.lineno if token is not None else 0


def in_words(error: Exception) -> str:
    """What Django's parser met."""
    said = str(error).rstrip(".")
    return said[:1].lower() + said[1:] if said else type(error).__name__
