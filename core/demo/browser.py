"""As much of a browser as the demo needs: cookies, forms with files, redirects."""

import http.cookiejar
import mimetypes
import re
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from core.demo.errors import DemoError
from core.demo.form import Filled, Form

ANSWER_SECONDS = 30


@dataclass(frozen=True)
class Page:
    """What came back, and from where, after redirects."""

    url: str
    status: int
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    def links(self, beginning: str) -> list[str]:
        """The addresses on this page whose path begins so, each once, whole."""
        found = [unescape(link) for link in re.findall(r'href="([^"]+)"', self.text)]
        whole = (urllib.parse.urljoin(self.url, link) for link in found)
        return list(
            dict.fromkeys(link for link in whole if urllib.parse.urlsplit(link).path.startswith(beginning))
        )

    def complaints(self) -> str:
        """What a refused form says, on one line."""
        told = re.findall(r'class="(?:why|notice error)"[^>]*>(.*?)</(?:div|p)>', self.text, re.DOTALL)
        return " ".join(" ".join(re.sub(r"<[^>]+>", " ", unescape(one)).split()) for one in told)


class Browser:
    """Visits one site, as one person."""

    def __init__(self, site: str) -> None:
        self.site = site
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        # No proxy: the site is on this machine, whatever the environment says.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)

    def get(self, path: str) -> Page:
        return self.ask(path)

    def send(self, path: str, filled: Filled) -> Page:
        boundary = f"----millrace{secrets.token_hex(16)}"
        # Django compares the referrer with the host when it checks a form that came over https.
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Referer": self.whole(path)}
        return self.ask(path, multipart(filled, boundary), headers)

    def sign_in(self, path: str, name: str, password: str) -> None:
        form = Form(self.get(path).text)
        answer = self.send(path, form.fill({"username": name, "password": password}, Path()))
        if urllib.parse.urlsplit(answer.url).path == path:
            raise DemoError(f"{name} could not sign in: {answer.complaints() or f'status {answer.status}'}")

    def ask(self, path: str, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> Page:
        address = self.whole(path)
        request = urllib.request.Request(address, data, dict(headers or {}))  # noqa: S310 (our own site)
        try:
            with self.opener.open(request, timeout=ANSWER_SECONDS) as answer:
                return Page(answer.url, answer.status, answer.read())
        except urllib.error.HTTPError as error:
            return Page(error.url or address, error.code, error.read())
        except OSError as error:
            raise DemoError(f"{address} does not answer: {error}.") from error

    def whole(self, path: str) -> str:
        return urllib.parse.urljoin(self.site, path)


def multipart(filled: Filled, boundary: str) -> bytes:
    parts = [part(boundary, f'name="{quoted(name)}"', value.encode()) for name, value in filled.values]
    for name, path in filled.files:
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        about = f'name="{quoted(name)}"; filename="{quoted(path.name)}"\r\nContent-Type: {media_type}'
        parts.append(part(boundary, about, path.read_bytes()))
    return b"".join([*parts, f"--{boundary}--\r\n".encode()])


def part(boundary: str, about: str, content: bytes) -> bytes:
    return f"--{boundary}\r\nContent-Disposition: form-data; {about}\r\n\r\n".encode() + content + b"\r\n"


def quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
