"""The ASGI application that a web server runs."""

from __future__ import annotations

import os
import warnings

from core.handler import make_handler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")
# WhiteNoise hands files over as plain iterators. They are small, and Django reads them in a thread.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

django_application = make_handler()

from django.conf import settings  # noqa: E402 - there are settings only now

from core.body_limit import BodyLimit  # noqa: E402
from core.handlers import too_large  # noqa: E402
from core.threads import Threads  # noqa: E402
from jobs.flusher import Flusher  # noqa: E402
from jobs.live import Live  # noqa: E402

application = BodyLimit(
    Live(Threads(django_application, settings.WEB_THREADS)), most=settings.REQUEST_BYTES, refusal=too_large
)
Flusher().start()
