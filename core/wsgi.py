"""The WSGI application that a web server runs."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")

application = get_wsgi_application()

from jobs.flusher import Flusher  # noqa: E402 - needs the settings

Flusher().start()
