"""Their settings: no `core`, no environment of ours, an own prefix for the pages."""

import os
from urllib.parse import urlsplit

DATABASE = urlsplit(os.environ["FOREIGN_DATABASE"])

SECRET_KEY = "theirs-" + "x" * 60
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "project.urls"
INSTALLED_APPS = [
    "shop",
    "jobs",
    "workers",
    "django_celery_beat",
    "django_celery_results",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.postgres",
    "django_htmx",
    "django.contrib.admin",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": DATABASE.path.lstrip("/"),
        "USER": DATABASE.username,
        "PASSWORD": DATABASE.password or "",
        "HOST": DATABASE.hostname,
        "PORT": DATABASE.port,
    }
}
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
MEDIA_ROOT = os.environ["FOREIGN_MEDIA"]
CELERY_BROKER_URL = os.environ["BROKER_URL"]
CELERY_RESULT_BACKEND = "django-db"
CELERY_BEAT_SCHEDULER = "jobs.schedules:Scheduler"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ["REDIS_URL"],
    }
}
MILLRACE = {"sweep_seconds": 0.5, "gate_seconds": 0.2, "heartbeat_seconds": 2}
