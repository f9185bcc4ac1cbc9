"""What our templates need besides Django's: icons, and times as people say them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.forms import BoundField
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from jobs.models import Artifact

register = template.Library()

FAMILIES = {
    "email": "mail",
    "images": "image",
    "reports": "chart",
    "cleanup": "broom",
    "contact": "message",
    "webhooks": "hook",
}
STATES = {
    "scheduled": "clock",
    "queued": "queue",
    "running": "wheel",
    "retrying": "retry",
    "succeeded": "check",
    "failed": "cross",
    "cancelled": "stop",
}
UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
BRIEF = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
NOW_SECONDS = 2


@register.simple_tag
def icon(name: str) -> SafeString:
    """An inline SVG; decoration only, the words beside it say the same."""
    return render_to_string(f"millrace/icons/{name}.svg")


@register.filter
def family_icon(kind: str) -> str:
    """The icon of a kind, by the first part of its name."""
    return FAMILIES.get(kind.partition(".")[0], "cog")


@register.filter
def state_icon(state: str) -> str:
    """The icon of a state."""
    return STATES.get(state, "cog")


@register.filter
def duration(value: timedelta | float | None) -> str:
    """A span in its largest unit: `3 minutes`."""
    if value is None:
        return ""
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 1:
        return f"{max(1, round(seconds * 1000))} ms"
    for size, unit in UNITS:
        if seconds >= 2 * size or size == 1:
            number = round(seconds / size) if size > 1 else round(seconds, 1 if seconds < 10 else None)
            return f"{number:g} {unit}{'s' if number != 1 else ''}"
    return ""


@register.filter
def since(end: datetime | None, start: datetime | None) -> str:
    """How long from start to end."""
    return duration(end - start) if end and start else ""


@register.simple_tag
def when(moment: datetime | None) -> SafeString | str:
    """A time as people say it; the exact one is a hover away, and a script keeps the words fresh."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    exact = f"{local:%Y-%m-%d %H:%M:%S %Z}"
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>', moment.isoformat(), exact, ago(moment)
    )


@register.simple_tag
def exact(moment: datetime | None) -> str:
    """A time to the second."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}" if moment else ""


def ago(moment: datetime) -> str:
    """`3 minutes ago`, `in 2 hours`, `just now`."""
    passed = (timezone.now() - moment).total_seconds()
    if abs(passed) < NOW_SECONDS:
        return "just now"
    words = duration(float(round(abs(passed))))
    return f"{words} ago" if passed > 0 else f"in {words}"


@register.filter
def brief(value: timedelta | None) -> str:
    """A span where there is little room: `3 min`."""
    if value is None:
        return "–"
    seconds = max(0, round(value.total_seconds()))
    size, unit = next((size, unit) for size, unit in BRIEF if seconds >= 2 * size or size == 1)
    return f"{seconds // size} {unit}"


@register.filter
def ticks(text: str) -> SafeString:
    """What stands between backticks as code."""
    parts = text.split("`")
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if n % 2 else part,) for n, part in enumerate(parts))
    )


@register.filter
def lower_first(text: str) -> str:
    """A sentence that goes on behind another word."""
    return text[:1].lower() + text[1:]


@register.filter
def is_optional(field: BoundField) -> bool:
    """Whether an empty answer is fine, and the box is not filled in already."""
    return not field.field.required and field.field.initial in (None, "", [], {})


@register.filter
def file_type(file: Artifact) -> str:
    """What a person calls the type: PNG, XLSX."""
    family, _, name = file.media_type.partition("/")
    suffix = file.name.rpartition(".")[2]
    return name.upper() if family == "image" and "+" not in name else suffix.upper()[:10] or file.media_type
