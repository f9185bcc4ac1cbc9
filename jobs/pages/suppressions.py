"""Suppressions: which addresses get no more of one's mail (operators: everybody's), and why."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from jobs.download import download
from jobs.errors import BadCursor, NotAllowed
from jobs.mail.address import read_address
from jobs.mail.listing import Wanted, each_suppression, find_suppression, page_of_suppressions
from jobs.mail.sheet import MOST_BYTES, BadSheet, Sheet, read_sheet, write_lines
from jobs.mail.suppression import NOTE_CHARACTERS, Entry, lift, suppress
from jobs.models import Suppression
from jobs.models.suppression import Suppressed
from jobs.owners import can_operate, can_submit
from jobs.pages.answers import page, signed_in
from jobs.pages.fields import LinesField
from jobs.pages.words import word
from jobs.search import Page

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SIZE = 50
SHOWN_BAD = 50
"""So many bad lines of a file are named one by one."""
LONGEST = 254
REASONS = {
    Suppressed.BOUNCED: "bounced",
    Suppressed.BY_HAND: "by hand",
    Suppressed.UNSUBSCRIBED: "unsubscribed",
    Suppressed.COMPLAINED: "complained",
}
SOURCES = {
    "smtp": "the mail server refused it",
    "report": "a report came back",
    "link": "by the link in a mail",
    "page": "on this page",
    "api": "by a program",
    "file": "from a file",
}
ASKED_BACK = {
    Suppressed.UNSUBSCRIBED: "They asked to get no more of this mail. Unless they have asked for it anew,"
    " to write to them all the same costs trust, and in many countries it is against the law.",
    Suppressed.COMPLAINED: "They reported this mail as spam. After a few more of these reports mail providers"
    " take no mail from this installation, whoever it is for.",
}
"""What a person said themselves is lifted by none by one click."""
SPANS = {"": "for good", "7": "for a week", "30": "for 30 days", "365": "for a year"}
GONE = "That page belongs to another search. Here are the newest that fit."


class AddForm(forms.Form):
    """Addresses that are to get no more mail."""

    addresses = LinesField(
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "name@example.org"}),
        help_text="One to a line.",
    )
    note = forms.CharField(
        required=False, max_length=NOTE_CHARACTERS, help_text="Why, for whoever looks later."
    )
    days = forms.ChoiceField(label="How long", choices=list(SPANS.items()), required=False)

    def clean_addresses(self) -> list[str]:
        """Each as mail servers know it; all that are none are named."""
        found, errors = [], []
        for text in self.cleaned_data["addresses"]:
            try:
                found.append(read_address(text))
            except ValueError as error:
                errors.append(forms.ValidationError(f"“{text[:100]}” {error}"))
        if errors:
            raise forms.ValidationError(errors[:SHOWN_BAD])
        return found

    def entries(self) -> list[Entry]:
        """What a valid form asks for."""
        given = self.cleaned_data
        days = int(given["days"] or 0)
        ends = timezone.now() + timedelta(days=days) if days else None
        return [
            Entry(address=each, reason=Suppressed.BY_HAND, source="page", note=given["note"], expires_at=ends)
            for each in given["addresses"]
        ]


class FileForm(forms.Form):
    """A list in a file."""

    file = forms.FileField(
        label="CSV file",
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv,text/plain"}),
        help_text="Addresses alone, or with a heading: address, and if you like reason, note, expires_at.",
    )

    def clean_file(self) -> Sheet:
        """What it holds."""
        file = cast(UploadedFile[Any], self.cleaned_data["file"])
        try:
            return read_sheet(file.read(MOST_BYTES + 1))
        except BadSheet as error:
            raise forms.ValidationError(str(error)) from None


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def suppressions(request: HttpRequest) -> HttpResponse:
    """A page of the list, and two forms beside it: addresses, or a file of them."""
    if request.method != "POST":
        return answer(request, AddForm(), FileForm())
    must_submit(request)
    if "file" in request.FILES or "import" in request.POST:
        return take_file(request)
    form = AddForm(request.POST)
    if not form.is_valid():
        return answer(request, form, FileForm(), status=422)
    entries = form.entries()
    tell_added(request, entries, suppress(request.user.pk or 0, entries))
    return redirect("suppressions")


def take_file(request: HttpRequest) -> HttpResponse:
    """Add what is good in a file, and name every line that is not."""
    form = FileForm(request.POST, request.FILES)
    if not form.is_valid():
        return answer(request, AddForm(), form, status=422)
    sheet: Sheet = form.cleaned_data["file"]
    tell_added(request, sheet.entries, suppress(request.user.pk or 0, sheet.entries))
    if not sheet.bad:
        return redirect("suppressions")
    return answer(request, AddForm(), FileForm(), sheet=sheet, status=422)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def suppression_lift(request: HttpRequest, id: UUID) -> HttpResponse:
    """Let mail go there again; where somebody had asked for none, ask back first (GET)."""
    must_submit(request)
    found = find_suppression(request.user, id)
    reason = Suppressed(found.reason)
    risk = ASKED_BACK.get(reason, "")
    if request.method != "POST":
        context = {"section": "suppressions", "found": found, "said": REASONS[reason], "risk": risk}
        return page(request, "suppression_lift.html", context) if risk else HttpResponseNotAllowed(["POST"])
    if risk and "sure" not in request.POST:
        return redirect("suppression-lift", id)
    lift(found.owner_id, [found.address])
    messages.success(request, f"Mail may go to {found.address} again.", fail_silently=True)
    return redirect("suppressions")


@require_safe
@signed_in
def suppressions_export(request: HttpRequest) -> StreamingHttpResponse:
    """Every one that fits the search, as CSV."""
    return download(
        request, write_lines(each_suppression(request.user, wanted_by(request))), name="suppressions.csv"
    )


def answer(
    request: HttpRequest, add: AddForm, file: FileForm, *, sheet: Sheet | None = None, status: int = 200
) -> HttpResponse:
    """The page."""
    wanted = wanted_by(request)
    shown, notice = listed(cast("User", request.user), wanted, request.GET.get("page", ""))
    asked = {name: value for name, value in vars(wanted).items() if value}
    context = {
        "section": "suppressions",
        "wanted": wanted,
        "is_searched": bool(asked),
        "query": urlencode(asked),
        "reasons": list(REASONS.items()),
        "lines": [
            (
                row,
                REASONS[Suppressed(row.reason)],
                SOURCES.get(row.source, row.source),
                Suppressed(row.reason) in ASKED_BACK,
            )
            for row in shown.rows
        ],
        "shown": shown,
        "notice": notice,
        "add": add,
        "file": file,
        "bad": sheet.bad[:SHOWN_BAD] if sheet else [],
        "more_bad": max(0, sheet.bad_count - SHOWN_BAD) if sheet else 0,
    }
    return page(request, "suppressions.html", context, status=status)


def wanted_by(request: HttpRequest) -> Wanted:
    """The search in the address; only operators look at one owner's."""
    reason = word(request.GET, "reason", 20)
    return Wanted(
        text=word(request.GET, "text", LONGEST),
        reason=reason if reason in set(Suppressed) else "",
        owner=word(request.GET, "owner", 150) if can_operate(request.user) else "",
    )


def listed(user: User, wanted: Wanted, cursor: str) -> tuple[Page[Suppression], str]:
    """The page of a cursor; the first one, and why, if it is none of this search."""
    try:
        return page_of_suppressions(user, wanted, cursor, size=SIZE), ""
    except BadCursor:
        return page_of_suppressions(user, wanted, "", size=SIZE), GONE


def tell_added(request: HttpRequest, entries: list[Entry], added: set[str]) -> None:
    """How many are new, and how many were there."""
    known = len(entries) - len(added)
    said = f"{len(added):,} {'address is' if len(added) == 1 else 'addresses are'} suppressed now"
    said += f", {known:,} {'was' if known == 1 else 'were'} already." if known else "."
    messages.success(request, said, fail_silently=True)


def must_submit(request: HttpRequest) -> None:
    """Raises NotAllowed for accounts that may only look."""
    if not can_submit(request.user):
        raise NotAllowed("Your account may look, but not change suppressions. Ask for the role “submitter”.")
