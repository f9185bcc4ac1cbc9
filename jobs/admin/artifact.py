"""Files in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from jobs.admin.read_only import ReadOnlyAdmin
from jobs.artifacts import make_link
from jobs.models import Artifact


@admin.register(Artifact)
class ArtifactAdmin(ReadOnlyAdmin):
    """To look at, and to download."""

    list_display = ("name", "media_type", "size", "owner", "created_at", "expires_at")
    list_select_related = ("owner",)
    search_fields = ("name", "sha256")
    ordering = ("-id",)
    fields = (
        "name", "media_type", "size", "sha256", "path", "owner", "job", "created_at", "expires_at", "file",
    )  # fmt: skip
    readonly_fields = ("file",)

    @admin.display(description="File")
    def file(self, artifact: Artifact) -> SafeString:
        return format_html('<a href="{}">{}</a>', make_link(artifact), artifact.name)
