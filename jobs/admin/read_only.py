"""A table one may look at. Rows of a running system are not edited by hand: the verbs move them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest

COUNTED = 10_000

if TYPE_CHECKING:
    Admin = admin.ModelAdmin[Model]
    Rows = Paginator[Model]
else:
    Admin = admin.ModelAdmin
    Rows = Paginator


class BoundedPaginator(Rows):
    """Counts no further than a person pages: two million rows take a second to count."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNTED].count())


class ReadOnlyAdmin(Admin):
    """Shown to those who may view it; added, changed and deleted by nobody."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
