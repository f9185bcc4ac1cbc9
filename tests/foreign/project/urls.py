"""Our pages under an address of theirs."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("background/", include("jobs.pages.urls")), path("admin/", admin.site.urls)]
