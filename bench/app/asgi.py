"""Millrace's own application, with the bare view beside its doors."""

from __future__ import annotations

import django
from django.conf import settings

django.setup()
settings.ROOT_URLCONF = "bench.app.bare"

from core.asgi import application  # noqa: E402, F401 - it reads the addresses
