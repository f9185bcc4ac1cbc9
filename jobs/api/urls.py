"""Which address leads to which operation; include it anywhere in a project of yours."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from jobs.api.api import api
from jobs.api.doorway import nothing_here, wrap
from jobs.api.openapi import openapi_json
from jobs.api.pages import docs_page, problem_page

app_name = "millrace_api"
operations = [
    URLPattern(each.pattern, wrap(each.callback), each.default_args, each.name)
    for each in api.urls[0]
    if isinstance(each, URLPattern) and each.name != "api-root"
]
urlpatterns = [
    *operations,
    path("openapi.json", openapi_json, name="openapi"),
    path("docs", docs_page, name="docs"),
    path("problems/<str:code>", problem_page, name="problem"),
    path("", nothing_here, name="api-root"),
    re_path("", nothing_here),
]
