"""One text of a mail, such as its HTML, understood once and filled for each recipient.

What stands outside of tags is fixed. A variable alone is a hole that takes the value as it is; a block, or a
variable with filters, is a hole too, and Django renders that little and no more for each recipient.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.template.base import Node, NodeList, TextNode, VariableNode
from django.template.defaulttags import ForNode

from jobs.mail.unsubscribe import VARIABLE
from workers.engines.mail import markup
from workers.engines.mail.pattern import Hole, Marks, Pattern, part_of_link, whole_link
from workers.engines.wording.language import in_words, parse
from workers.engines.wording.limits import STEPS, BadWording, Missing, StrangeLink, Unfilled
from workers.engines.wording.places import own_links
from workers.engines.wording.plain import Expression, Filling, is_there, look_up

ESCAPED = 8
"""How much longer a text may become when it is escaped, at most."""
BREAKS = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
Values = Mapping[str, Any]


class Part:
    """A subject, text or HTML. `pattern` has a hole for whatever differs, `values` fills them."""

    def __init__(self, source: str, *, field: str, is_html: bool = False, is_line: bool = False) -> None:
        self.field = field
        self._is_html = is_html
        self._is_line = is_line
        if is_line and BREAKS.search(source):
            raise BadWording(field, "has a line break; write it on one line")
        self._blocks: dict[str, Node] = {}
        self._paths: dict[str, tuple[str, ...]] = {}
        parsed = parse(source, field=field)
        self.names = parsed.names
        """What is looked up in it, by the first of each path."""
        if is_line and VARIABLE in self.names:
            raise BadWording(field, f"{VARIABLE} belongs into the text or the HTML")
        pieces = [self._piece(node) for node in parsed.nodes]
        self._own_links: frozenset[str] = frozenset()
        self._links: set[str] = set()
        """Variables that are a link by themselves."""
        self._may_link = False
        """Whether what Django renders could be a link, or a part of one, so that the whole is looked at."""
        self.pattern = self._escaped(pieces, source) if is_html else Pattern(tuple(pieces))
        self._needs = self._needed() | parsed.arguments
        self._must_try = any(node.get_nodes_by_type(ForNode) for node in self._blocks.values())
        """Whether no look at the values alone can tell if the text can be written."""
        self._weight = ESCAPED * sum(
            1 + len(variable.filter_expression.filters) for variable in self._variables()
        )

    @property
    def blocks(self) -> set[str]:
        """The names of the holes that are more than a variable."""
        return set(self._blocks)

    @property
    def own_names(self) -> set[str]:
        """Names that it gives itself, in its loops."""
        loops: list[Any] = [
            loop for node in self._blocks.values() for loop in node.get_nodes_by_type(ForNode)
        ]
        return {"forloop"}.union(*(loop.loopvars for loop in loops))

    @property
    def always(self) -> set[str]:
        """The names that stand in it for everybody, whatever the values are."""
        return {path[0] for path in self._paths.values()}

    def check(self, values: Values) -> None:
        """Raises Unfilled if this recipient's text could not be written.

        Most can be judged without writing them: nothing is missing, and all is text too short to matter.
        """
        if self._blocks and not self._must_try:
            texts = [value for value in values.values() if isinstance(value, str)]
            is_plain = len(texts) == len(values) and self._weight * max(map(len, texts), default=0) <= STEPS
        else:
            is_plain = not self._must_try
        if self._may_link or not is_plain or not all(is_there(path, values) for path in self._needs):
            self.values(values)
            return
        for key in self._links:
            self._check_link(str(look_up(self._paths[key], dict(values))))

    def values(self, values: Values) -> dict[str, str]:
        """What goes into the holes for one recipient; raises Unfilled."""
        filled = {}
        for key, path in self._paths.items():
            # Most variables are columns, and stand there as text.
            value = values.get(path[0]) if len(path) == 1 else self._deep(path, values)
            if value is None or value == "":
                if path != (VARIABLE,):
                    raise Missing(".".join(path))
                value = ""
            filled[key] = self._written(value if isinstance(value, str) else str(value))
        if self._blocks:
            context = Filling(dict(values), autoescape=self._is_html, use_l10n=False, use_tz=False)
            context.template = _Nameless  # type: ignore[assignment]
            for key, node in self._blocks.items():
                filled[key] = self._written(self._render(node, context))
        for key in self._links:
            self._check_link(filled[key])
        if self._may_link and (link := markup.strange_link(self.pattern.fill(filled), self._own_links)):
            raise StrangeLink(self.field, link)
        return filled

    def fill(self, values: Values) -> str:
        """The text for one recipient."""
        return self.pattern.fill(self.values(values))

    def _check_link(self, value: str) -> None:
        if not markup.LINK.fullmatch(value):
            raise StrangeLink(self.field, value)

    def _written(self, text: str) -> str:
        return BREAKS.sub(" ", text) if self._is_line else text

    def _piece(self, node: Node) -> str | Hole:
        if isinstance(node, TextNode):
            return str(node.s)
        if isinstance(node, VariableNode) and isinstance(node.filter_expression, Expression):
            path = node.filter_expression.path
            if path and not node.filter_expression.filters:
                key = f"{self.field} {'.'.join(path)}" if self._is_line else ".".join(path)
                self._paths[key] = path
                return Hole(key, None, str)
        key = f"{self.field} {len(self._blocks) + 1}"
        self._blocks[key] = node
        return Hole(key, None, str)

    def _escaped(self, pieces: list[str | Hole], source: str) -> Pattern:
        """Values are escaped as the place they stand in asks for; what Django rendered is already."""
        self._own_links = own_links(source, field=self.field)
        marks = Marks()
        written = marks.html(marks.mark(Pattern(tuple(pieces)))).pieces
        holes = [piece for piece in written if isinstance(piece, Hole)]
        self._links = {hole.name for hole in holes if hole.write is whole_link and hole.name in self._paths}
        self._links.discard(VARIABLE)  # a link by us, or nothing
        self._may_link = any(map(_writes_markup, self._blocks.values())) or any(
            hole.name in self._blocks and hole.write in (whole_link, part_of_link) for hole in holes
        )
        return Pattern(
            tuple(
                piece._replace(write=str) if isinstance(piece, Hole) and piece.name in self._blocks else piece
                for piece in written
            )
        )

    def _needed(self) -> set[tuple[str, ...]]:
        needed = set(self._paths.values()) - {(VARIABLE,)}
        for variable in self._variables():
            expression = variable.filter_expression
            if expression.path and not expression.has_default:
                needed.add(expression.path)
        return needed

    def _variables(self) -> list[Any]:
        return [each for node in self._blocks.values() for each in node.get_nodes_by_type(VariableNode)]

    def _deep(self, path: tuple[str, ...], values: Values) -> Any:
        return look_up(path, dict(values)) if is_there(path, dict(values)) else None

    def _render(self, node: Node, context: Filling) -> str:
        try:
            return str(NodeList([node]).render(context))
        except Unfilled:
            raise
        except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
            raise Unfilled(f"does not fit the {self.field}: {in_words(error)}") from None


def _writes_markup(node: Node) -> bool:
    """Whether a block has more than text: its variables alone make no tag and no attribute."""
    texts: list[Any] = node.get_nodes_by_type(TextNode)
    return any("<" in text.s or "=" in text.s for text in texts)


class _Engine:
    debug = False
    string_if_invalid = ""


class _Nameless:
    """What Django's nodes ask of the template they stand in."""

    engine = _Engine
