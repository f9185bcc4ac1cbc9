"""The strict policy and plain decency, on every page: nothing inline or foreign, everything labelled."""

import re
from html.parser import HTMLParser
from pathlib import Path
from uuid import uuid4

import pytest
from django.utils import timezone
from pydantic import BaseModel
from uuid_utils.compat import uuid7

import jobs
from jobs.models import Item, LogLine, Progress, Queue, Webhook, WebhookDelivery, WebhookSecret, WebhookTry
from jobs.pages.public import make_token
from tests.factories import make_artifact, make_job
from tests.pages.test_fields import Colour, Size

pytestmark = pytest.mark.django_db
ROOM = Path(jobs.__file__).parent
CSS = (ROOM / "static/millrace/millrace.css").read_text()
READ: dict[str, str] = {}
VOID = {"meta", "link", "input", "img", "br", "hr"}


class Everything(BaseModel):
    text: str
    number: int = 3
    is_so: bool = False
    colour: Colour = Colour.RED
    colours: list[Colour] = []
    sizes: list[Size] = []
    words: list[str] = []
    rest: dict[str, int] = {}


class Reader(HTMLParser):
    """Every element with its attributes, and what is open around it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), list(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), list(self.open)))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes something else"

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs, _ in self.elements if tag in tags]


@pytest.fixture
def pages(request) -> dict[str, str]:
    """Every page with everything on it, asked for once."""
    if not READ:
        READ.update(request.getfixturevalue("asked"))
    return READ


def hook_with_a_log(owner):
    hook = Webhook.objects.create(id=uuid7(), owner=owner, url="https://example.org/", events=["job.failed"])
    Webhook.objects.create(id=uuid7(), owner=owner, url="https://example.org/2", events=[], is_enabled=False)
    WebhookSecret.objects.create(webhook=hook, sealed="x")
    for number in range(2):
        carrier = make_job("failed", owner=owner)
        delivery = WebhookDelivery.objects.create(webhook=hook, event="job.failed", carrier=carrier.id)
        for status in (500, None)[: number + 1]:
            WebhookTry.objects.create(
                delivery=delivery, status=status, milliseconds=5, answer="<b>no</b>", error="It broke."
            )
    return hook


@pytest.fixture
def asked(client, page, office, submitter, declare) -> dict[str, str]:
    declare(Everything)
    declare(Everything, name="test.open", public=True)
    now = timezone.now()
    running = make_job("running", owner=submitter)
    Progress.objects.create(job=running, attempt=1, fraction=0.4, note="on", updated_at=now)
    LogLine.objects.create(job=running, attempt=1, at=now, level="info", text="a word")
    Item.objects.create(job=running, key="a", state="done")
    done = make_job("succeeded", owner=submitter, result={"values": {"n": 1}})
    make_artifact(owner=submitter, job=done.id, name="a.png", media_type="image/png")
    failed = make_job("failed", owner=submitter, error="oh")
    Queue.objects.create(name="held", is_paused=True)
    answers = {
        "sign-in": client.get("/sign-in"),
        "catalogue": page.get("/"),
        "form": page.get("/kinds/test.form"),
        "form refused": page.post("/kinds/test.form", {"number": "x", "rest": "{"}),
        "operator's form": office.get("/kinds/test.form"),
        "public form": client.get("/p/test.open"),
        "thanks": client.get(f"/p/thanks/{make_token(make_job().id)}"),
        "jobs": office.get("/jobs"),
        "no jobs": page.get("/jobs?filter=state:scheduled"),
        "running": page.get(f"/jobs/{running.id}"),
        "done": page.get(f"/jobs/{done.id}"),
        "failed": page.get(f"/jobs/{failed.id}"),
        "queues": office.get("/queues"),
        "webhooks": office.get("/webhooks"),
        "webhook": page.get(f"/webhooks/{hook_with_a_log(submitter).id}"),
        "webhook form": office.get("/webhooks/new"),
        "webhook refused": page.post("/webhooks/new", {"url": "ftp://x"}),
        "missing": page.get(f"/jobs/{uuid4()}"),
        "no such page": page.get("/nowhere"),
    }
    return {name: answer.content.decode() for name, answer in answers.items()}


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(pages):
    for name, text in pages.items():
        for tag, attrs, _ in Reader(text).elements:
            assert tag != "style" and "style" not in attrs, name
            assert not [key for key in attrs if key.startswith("on")], name
            assert tag != "script" or (attrs.get("src") or "").startswith("/static/"), name
            for key in ("src", "href", "action"):
                assert not re.match(r"(https?:)?//|javascript:", attrs.get(key) or ""), (name, attrs)


def test_the_policy_is_sent_and_strict(page):
    policy = page.get("/").headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy and "unsafe" not in policy


def test_every_page_is_well_formed_with_one_heading_and_its_landmarks(pages):
    for name, text in pages.items():
        reader = Reader(text)
        assert reader.open == [], name
        assert [len(reader.all(tag)) for tag in ("h1", "main", "header", "footer", "title")] == [1] * 5, name
        assert reader.all("html")[0]["lang"] == "en"


def test_ids_are_unique_and_what_refers_to_one_finds_it(pages):
    for name, text in pages.items():
        elements = [attrs for _, attrs, _ in Reader(text).elements]
        ids = [attrs["id"] for attrs in elements if "id" in attrs]
        assert len(ids) == len(set(ids)), (name, sorted(one for one in ids if ids.count(one) > 1))
        for attrs in elements:
            for key in ("for", "aria-labelledby", "aria-describedby"):
                for one in (attrs.get(key) or "").split():
                    assert one in ids, (name, key, one)


def test_every_control_has_a_name_for_those_who_cannot_see_it(pages):
    for name, text in pages.items():
        reader = Reader(text)
        labelled = {attrs.get("for") for attrs in reader.all("label")}
        for tag, attrs, around in reader.elements:
            if tag in ("input", "select", "textarea") and attrs.get("type") != "hidden":
                is_named = attrs.get("aria-label") or attrs.get("id") in labelled or "label" in around
                assert is_named, (name, attrs)
        for attrs in reader.all("img"):
            assert attrs.get("alt"), name
        for attrs in reader.all("progress", "nav"):
            assert attrs.get("aria-label"), name


def test_every_form_that_posts_is_protected(pages):
    for name, text in pages.items():
        for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", text, re.S):
            assert "csrfmiddlewaretoken" in form, name


def test_the_policy_covers_what_our_script_does():
    script = (ROOM / "static/millrace/millrace.js").read_text()

    for forbidden in ("eval(", "innerHTML", "new Function", ".style", "insertAdjacent", "document.write"):
        assert forbidden not in script


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_can_be_read_on_what_is_behind_them(theme):
    colours = palette(theme)
    pairs = [
        (ink, ground) for ink in ("ink", "muted") for ground in ("paper", "surface", "sunk", "calm-soft")
    ]
    pairs += [(tone, f"{tone}-soft") for tone in ("good", "bad", "warn", "run", "later")]
    pairs += [(tone, ground) for tone in ("accent", "bad", "warn") for ground in ("paper", "surface", "sunk")]
    pairs += [("on-accent", "accent"), ("on-accent", "accent-strong"), ("accent-strong", "accent-soft")]

    weak = [(ink, ground, round(contrast(colours[ink], colours[ground]), 2)) for ink, ground in pairs]

    assert [pair for pair in weak if pair[2] < 4.5] == []
    assert contrast(colours["edge"], colours["surface"]) >= 3, "borders of controls"


def test_both_ways_to_the_dark_are_the_same():
    blocks = re.findall(r"\{([^{}]*--paper:[^{}]*)\}", CSS)

    assert len(blocks) == 3
    assert [" ".join(block.split()) for block in blocks[1:2]] == [" ".join(blocks[2].split())]


def test_the_template_of_every_page_asks_the_database_nothing():
    """A template that follows a relation would query; what it may follow was fetched by the view."""
    fetched = {"job.owner.get_username", "line.job.owner.get_username", "job.group.name"}
    for path in (ROOM / "templates/millrace").rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"\.(all|filter|count|exists|get|first|objects)\b(?!_)", text), path
        assert set(re.findall(r"(?:line\.)?job\.(?:owner|group)\.\w+", text)) <= fetched, path


def palette(theme: str) -> dict[str, str]:
    blocks = re.findall(r"\{([^{}]*--paper:[^{}]*)\}", CSS)
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[0 if theme == "light" else 2]))


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
