"""Unsubscribing by the link in a mail: mail programs post to it, people see a page with a button.

Whoever has the link may, so there is no account, no cookie and no form token. Looking changes nothing.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from jobs.mail.unsubscribe import FIELD, ONE_CLICK, is_unsubscribed, open_link
from jobs.mail.unsubscribe import unsubscribe as end_mails
from jobs.pages.answers import door, page


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@door
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Show the button; a POST that says `List-Unsubscribe=One-Click` ends the mails."""
    link = open_link(token)
    is_asked = request.method == "POST" and request.POST.get(FIELD) == ONE_CLICK
    if is_asked:
        end_mails(link)
    context = {
        "address": link.address,
        "is_done": is_asked or is_unsubscribed(link),
        "field": FIELD,
        "one_click": ONE_CLICK,
        "is_at_door": True,
    }
    is_misunderstood = request.method == "POST" and not is_asked
    answer = page(request, "unsubscribe.html", context, status=422 if is_misunderstood else 200)
    answer["X-Robots-Tag"] = "noindex"
    return answer
