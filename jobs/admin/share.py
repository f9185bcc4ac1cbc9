"""Shares in the admin: how much of a queue an owner gets beside others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from jobs.models import Share

if TYPE_CHECKING:
    Admin = admin.ModelAdmin[Share]
else:
    Admin = admin.ModelAdmin


@admin.register(Share)
class ShareAdmin(Admin):
    """Who is not listed weighs 1. Counts for jobs that come into a line from now on."""

    list_display = ("owner", "weight")
    autocomplete_fields = ("owner",)
