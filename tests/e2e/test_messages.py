"""The mails of docs/messages as a reader sees them; `WRITE_MESSAGES=on` takes their pictures for the page."""

import os
import re
from base64 import b64encode
from email.message import EmailMessage
from html import escape
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route

from tests.docs.messages import DOCS, FOLDER, NAMES, opened
from tests.e2e.test_browser import WIDTH
from tests.engines.mail.reading import shown

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
HEIGHT = "document.documentElement.scrollHeight"
FRAME = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; font: 15px/1.5 system-ui, sans-serif; background: #dfe6e9; color: #14242c }}
dl {{ display: grid; grid-template-columns: auto 1fr; gap: 2px 14px; margin: 0; padding: 18px 26px;
  background: #fff }}
dt {{ color: #5b6d76 }} dd {{ margin: 0; font-weight: 600; overflow-wrap: anywhere }}
main {{ display: grid; grid-template-columns: 600px minmax(0, 1fr); gap: 1px; margin-top: 1px }}
iframe {{ border: 0; width: 100%; height: {height}px; background: #fff }}
pre {{ margin: 0; padding: 26px; background: #fff; font: 14px/1.6 ui-monospace, monospace;
  white-space: pre-wrap; overflow-wrap: anywhere }}
</style><dl>{headers}</dl><main><iframe sandbox="" srcdoc="{html}"></iframe><pre>{text}</pre></main>"""


def html_of(message: EmailMessage) -> str:
    """Its HTML with its pictures in it, as a mail program shows them."""
    pictures = {part["Content-ID"][1:-1]: part for part in message.walk() if part["Content-ID"]}

    def data(found: re.Match[str]) -> str:
        part = pictures[found[1]]
        return f"data:{part.get_content_type()};base64,{b64encode(part.get_content()).decode()}"

    return re.sub(r"cid:([\w.]+@[\w.]+)", data, shown(message, "html"))


def look_at(browser: Browser, content: str, *, width: int, name: str = "", scheme: str = "light") -> Page:
    """A page of this content; nothing is fetched from anywhere."""

    def refuse(route: Route) -> None:
        raise AssertionError(f"it asks for {route.request.url}")

    page = browser.new_page(viewport={"width": width, "height": 400}, color_scheme=scheme)  # type: ignore[arg-type]
    page.route("http*://**", refuse)
    page.set_content(content, wait_until="load")
    page.set_viewport_size({"width": width, "height": int(page.evaluate(HEIGHT))})
    if name and os.environ.get("WRITE_MESSAGES"):
        path = DOCS / "images" / f"message-{name}.png"
        page.screenshot(path=path)
        Image.open(path).convert("RGB").quantize(192).save(path, optimize=True)  # a third of its bytes
    return page


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_sees_html_with_its_pictures_and_the_text_beside(browser: Browser, name: str) -> None:
    message = opened((FOLDER / f"{name}.eml").read_bytes())
    html = html_of(message)
    alone = look_at(browser, html, width=600)
    height = int(alone.evaluate(HEIGHT))
    pictures = alone.evaluate("[...document.images].map(image => image.naturalWidth)")
    alone.close()
    headers = "".join(f"<dt>{key}</dt><dd>{escape(message[key])}</dd>" for key in ("From", "To", "Subject"))
    for file in message.iter_attachments():
        headers += f"<dt>Attached</dt><dd>{escape(file.get_filename() or '')}</dd>"
    text = escape(shown(message, "plain"))

    both = look_at(
        browser,
        FRAME.format(headers=headers, html=escape(html), text=text, height=height),
        width=1080,
        name=name,
    )

    assert pictures == ([840] if name == "localised" else [])
    assert both.evaluate(WIDTH) <= 0
    both.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wider_than_a_phone(browser: Browser, name: str, scheme: str, tmp_path: Path) -> None:
    message = opened((FOLDER / f"{name}.eml").read_bytes())
    kept = f"{name}-phone" if scheme == "light" else ""

    page = look_at(browser, html_of(message), width=390, name=kept, scheme=scheme)

    assert page.evaluate(WIDTH) <= 0
    page.close()
