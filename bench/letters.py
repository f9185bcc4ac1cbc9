"""The mail of the benchmark: one text and HTML, and a list of those who get it.

Django's template language and a campaign's both read it, and make the same of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

DOMAIN = "mill.example"
SENDER = f"The mill <mill@{DOMAIN}>"
PAGE = f"https://{DOMAIN}"
DOMAINS = 100
"""As a list has them."""
SUBJECT = "Your flour is ready, {{ name }}"
TEXT = """Dear {{ name }},

we have ground {{ sacks }} sacks of your wheat. They stand behind the door of the mill, dry, tied up, and
marked with your name; nobody will take them for somebody else's.

We are open from six in the morning until six in the evening, on Saturdays until noon. Whoever comes after
that rings the bell beside the wheel. Please bring the empty sacks of last time, and a cart: a sack weighs
fifty kilograms.

See the order: https://mill.example/orders/{{ sacks }}/now

Until soon,
the millers

This mail went to {{ email }}, because you left grain with us.
"""
HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Your flour is ready</title>
<style>
  .text p { margin: 0 0 16px; }
  .text a { color: #1f6f8b; }
  @media (max-width: 480px) { .card { padding: 28px 22px !important; } }
</style>
</head>
<body style="margin:0;padding:0;background:#eef2f3;">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:#eef2f3;">
<tr><td align="center" style="padding:36px 14px;">
  <table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:560px;">
  <tr><td class="card" style="padding:38px 40px;background:#ffffff;border:1px solid #dde5e8;">
    <h1 style="margin:0 0 20px;font-size:23px;line-height:1.3;color:#14242c;">Dear {{ name }}</h1>
    <div class="text" style="font-size:16px;line-height:1.6;color:#33454e;overflow-wrap:anywhere;">
    <p>We have ground <b>{{ sacks }}</b> sacks of your wheat. They stand behind the door of the mill, dry,
    tied up, and marked with your name; nobody will take them for somebody else's.</p>
    <p>We are open from six in the morning until six in the evening, on Saturdays until noon. Whoever comes
    after that rings the bell beside the wheel. Please bring the empty sacks of last time, and a cart: a
    sack weighs fifty kilograms.</p>
    <p><a href="https://mill.example/orders/{{ sacks }}/now">See the order</a></p>
    <p>Until soon,<br>the millers</p>
    </div>
  </td></tr>
  <tr><td style="padding:20px 40px;font-size:13px;color:#6b7d86;text-align:center;">
    This mail went to {{ email }}, because you left grain with us.
  </td></tr>
  </table>
</td></tr>
</table>
</body>
</html>
"""
COLUMNS = ("email", "name", "sacks")
MORE_COLUMNS = ("street", "city", "country", "since")


def address(number: int) -> str:
    """Whose it is; nobody's, at no domain that there is."""
    return f"reader{number}@d{number % DOMAINS:02}.example"


def reader(number: int) -> dict[str, str]:
    """What the mail may name of one of them."""
    return {"email": address(number), "name": f"Reader {number}", "sacks": str(number % 90 + 2)}


def as_csv(numbers: Iterable[int]) -> Iterator[str]:
    """The list of these, line by line."""
    yield f"{','.join(COLUMNS)}\n"
    for number in numbers:
        yield f"{','.join(reader(number).values())}\n"


def as_wide_csv(numbers: Iterable[int]) -> Iterator[str]:
    """The same with columns that the mail does not name, as a list has them."""
    yield f"{','.join(COLUMNS + MORE_COLUMNS)}\n"
    for number in numbers:
        more = f'"Mill Lane {number % 300}",Millbrook,GB,{1990 + number % 30}'
        yield f"{','.join(reader(number).values())},{more}\n"


def payload(file: str) -> dict[str, str]:
    """A campaign to the list in that file."""
    return {"file": file, "subject": SUBJECT, "text": TEXT, "html": HTML}
