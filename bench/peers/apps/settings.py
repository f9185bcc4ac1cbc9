"""Django's settings for those peers that need Django."""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

SECRET_KEY = "a benchmark signs nothing"  # noqa: S105
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
HAS_OX = sys.version_info >= (3, 12)
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django_celery_results",
    "django_q",
    *(["django_tasks", "django_ox"] if HAS_OX else []),
]
PLACE = urlsplit(os.environ["PEERS_DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": PLACE.path.lstrip("/"),
        "USER": PLACE.username,
        "PASSWORD": PLACE.password or "",
        "HOST": PLACE.hostname,
        "PORT": PLACE.port,
        "CONN_MAX_AGE": None,
    }
}
# A success is not kept (save_limit -1): the fastest it can be told to be.
Q_CLUSTER = {
    "name": "bench",
    "workers": 2,
    "redis": os.environ["BROKER_URL"],
    "save_limit": -1,
    "recycle": 1_000_000,
    "queue_limit": 100,
    "timeout": 60,
    "retry": 120,
    "catch_up": False,
    "scheduler": False,
    "log_level": "ERROR",
}
TASKS = {"default": {"BACKEND": "django_ox.backend.OxBackend"}}
LOGGING = {"version": 1, "disable_existing_loggers": False, "root": {"level": "WARNING"}}
