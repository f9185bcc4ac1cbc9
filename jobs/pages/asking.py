"""One asking by form: the kind's fields, how to run it, and the one-time key that a double click shares."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib.auth.models import AnonymousUser, Group
from django.db import transaction
from django.forms.boundfield import BoundField
from django.http import HttpRequest, QueryDict

from jobs.errors import BadPayload, KeyReused, Problem, Refusal
from jobs.idempotency import Key
from jobs.lifecycle.submit import Submitted, submit_job
from jobs.owners import can_operate, teams
from jobs.pages.draft import Typed, keep_draft
from jobs.pages.fields import moment
from jobs.pages.form import form_class, payload_of, problems_beside, show_problems
from jobs.pages.rows import is_empty
from jobs.pages.uploads import keep_chosen, keep_files, named_by
from jobs.registry import Kind

if TYPE_CHECKING:
    from django.contrib.auth.models import User

NOT_TYPED = frozenset({"csrfmiddlewaretoken", "check", "how-key"})
"""What a form sends besides its boxes."""


class HowForm(forms.Form):
    """How the job should be run: when, how urgently, and who else sees it."""

    run_at = moment(label="Not before", help_text="Empty: at once.", required=False)
    group = forms.ModelChoiceField(
        Group.objects.none(),
        label="Share with",
        required=False,
        empty_label="nobody",
        help_text="Its members see the job and its results.",
    )
    priority = forms.IntegerField(
        min_value=-100,
        max_value=100,
        initial=0,
        required=False,
        help_text="-100 to 100; higher goes first.",
    )
    key = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)

    prefix = "how"

    def __init__(self, data: Any, *, user: User | AnonymousUser) -> None:
        super().__init__(data)
        if not can_operate(user):
            del self.fields["priority"]
        groups = teams(user)
        if groups.exists():
            self.fields["group"].queryset = groups  # type: ignore[attr-defined]
        else:
            del self.fields["group"]

    def chosen(self) -> dict[str, Any]:
        """What submit_job is told besides the payload."""
        given = self.cleaned_data
        return {
            "run_at": given["run_at"],
            "group": given.get("group"),
            "priority": given.get("priority") or 0,
        }


@dataclass
class Asking:
    """A form as it was opened or sent."""

    kind: Kind
    form: forms.Form
    how: HowForm
    key: str
    has_lost_files: bool = False
    """Whether files that came with it have to be chosen again."""

    @classmethod
    def read(cls, request: HttpRequest, kind: Kind, typed: Typed | None = None) -> Asking:
        """The form that was sent; or one as it was typed before; or an empty one."""
        data, files = (request.POST, request.FILES) if request.method == "POST" else (as_sent(typed), None)
        how = HowForm(data, user=request.user)
        form = form_class(kind)(data, files)
        keep_files(form, request.user.pk)
        return cls(kind, form, how, secrets.token_urlsafe(16))

    @property
    def often(self) -> list[BoundField]:
        """The fields that most people fill in."""
        return [field for field in self.form.visible_fields() if field.name not in self.rare_names]

    @property
    def rare(self) -> list[BoundField]:
        """Those that the payload calls rare: they stand behind a fold."""
        return [field for field in self.form.visible_fields() if field.name in self.rare_names]

    @property
    def is_rare_open(self) -> bool:
        """Whether something behind the fold is to be seen: an error, or what somebody chose there."""
        return any(field.errors or (self.form.is_bound and says_something(field)) for field in self.rare)

    @property
    def is_how_open(self) -> bool:
        """The same for the other fold."""
        fields = self.how.visible_fields()
        return any(field.errors or (self.how.is_bound and says_something(field)) for field in fields)

    @property
    def rare_names(self) -> frozenset[str]:
        """A form of a kind's own has none."""
        return getattr(self.form, "rare", frozenset())

    def is_valid(self) -> bool:
        """Whether the boxes are filled in well; whether the whole payload fits is judged on submit."""
        is_valid = self.form.is_valid() & self.how.is_valid()
        if not is_valid:
            show_problems(self.form, problems_beside(self.form, self.kind))
        self.key = self.how.cleaned_data.get("key") or self.key
        return is_valid

    def submit(self, owner: User, *, scope: str, door: str) -> Submitted | None:
        """The job that was asked for; None if it was refused, with every problem shown at its field.

        Uploads and job are one transaction: a refused form leaves neither; `refuse` keeps its files.
        """
        try:
            with transaction.atomic():
                return self.submit_once(owner, Key(scope, self.key), door)
        except BadPayload as error:
            show_problems(self.form, error.problems)
        except KeyReused:
            self.refuse_reuse()
        except Refusal as error:
            show_problems(self.form, [Problem((), str(error))])
        return None

    def keep(self, owner: User) -> UUID | None:
        """The draft that was asked for; None if it was refused, with every problem shown at its field."""
        try:
            with transaction.atomic():
                payload = payload_of(self.form, self.kind, owner)
                return keep_draft(self.kind, payload, self.typed | named_by(self.form, payload), owner)
        except BadPayload as error:
            show_problems(self.form, error.problems)
        except Refusal as error:
            show_problems(self.form, [Problem((), str(error))])
        return None

    def refuse(self, owner: User | None) -> None:
        """Keep the files of a form that was refused, for their owner; without one, say that they are not."""
        self.has_lost_files = not keep_chosen(self.form, owner)

    @property
    def typed(self) -> Typed:
        """What its boxes say, for a form that is to look like this one."""
        return {name: list(values) for name, values in self.form.data.lists() if name not in NOT_TYPED}  # type: ignore[attr-defined]

    def submit_once(self, owner: User, key: Key, door: str) -> Submitted:
        payload = payload_of(self.form, self.kind, owner)
        submitted = submit_job(self.kind.name, payload, owner=owner, key=key, door=door, **self.how.chosen())
        if submitted.replayed:
            transaction.set_rollback(True)  # the first click's uploads are kept already
        return submitted

    def refuse_reuse(self) -> None:
        self.key = secrets.token_urlsafe(16)
        why = "It was sent before with other values; that job is on its way. Send it again for another."
        show_problems(self.form, [Problem((), why)])


def says_something(field: BoundField) -> bool:
    """Whether a box says more than it does in an empty form."""
    value, empty = field.data, field.initial
    if isinstance(value, list):
        return any(not is_empty(one) if isinstance(one, Mapping) else one for one in value)
    return value not in (None, "", False) and str(value) != str("" if empty is None else empty)


def as_sent(typed: Typed | None) -> QueryDict | None:
    """What was typed, in the shape in which a browser sends it."""
    if typed is None:
        return None
    data = QueryDict(mutable=True)
    for name, values in typed.items():
        data.setlist(name, values)
    return data
