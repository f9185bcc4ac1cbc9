"""Every setting of the wired-up installation: the one file that reads the environment.

A variable that is absent falls back to what the running embedded system wrote down, then to the default
named here. A bad value stops the process with the variable, the value and what is allowed.
"""

from __future__ import annotations

import math
import sys
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import django
import environ
from django.core.exceptions import ImproperlyConfigured

from core.embedded import environment
from core.logs import configure as configure_logs

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = environment.folder()

# What the environment says wins over what the embedded system wrote down.
env = environ.Env()
for name, value in environment.read().items():
    env.ENVIRON.setdefault(name, value)

ON, OFF = {"on", "true", "yes", "1"}, {"off", "false", "no", "0", ""}
EMAIL_SCHEMES = ("smtp", "smtps", "smtp+tls", "smtp+ssl")


def number(variable: str, default: float, at_least: float = 0, at_most: float = math.inf) -> float:
    """A number from the environment; a bad one names variable, value and rule."""
    raw = env.str(variable, default=str(default))
    try:
        value = float(raw)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ImproperlyConfigured(f"{variable}={raw!r} is not a number; the default is {default:g}.")
    if value < at_least:
        raise ImproperlyConfigured(f"{variable}={raw!r} is too small; it must be at least {at_least:g}.")
    if value > at_most:
        raise ImproperlyConfigured(f"{variable}={raw!r} is too large; it must be at most {at_most:g}.")
    return value


def switch(variable: str, default: bool) -> bool:
    """On or off; not what merely looks like neither."""
    raw = env.str(variable, default="on" if default else "off").lower()
    if raw in ON or raw in OFF:
        return raw in ON
    raise ImproperlyConfigured(f"{variable}={raw!r} is neither on nor off.")


def address(variable: str, default: str, *schemes: str) -> str:
    """A URL with one of these schemes and a host; its password is not repeated in an error."""
    value: str = env.str(variable, default="") or default
    found = urlsplit(value)
    # A database may be named alone: PostgreSQL's own socket.
    is_somewhere = found.hostname or (found.scheme.startswith("p") and found.path.strip("/"))
    if found.scheme not in schemes or not is_somewhere:
        shown = value if "@" not in value else f"{found.scheme}://…"
        allowed = ", ".join(f"{scheme}://" for scheme in schemes)
        raise ImproperlyConfigured(f"{variable}={shown!r} is no address with a host and one of: {allowed}.")
    return value


def choice(variable: str, default: str, allowed: tuple[str, ...]) -> str:
    """One of a few words from the environment."""
    value: str = env.str(variable, default=default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{variable}={value!r} is none of: {', '.join(allowed)}.")
    return value


def networks(variable: str) -> tuple[str, ...]:
    """Networks, separated by commas."""
    found = env.list(variable, default=[])
    for each in found:
        try:
            ip_network(each)
        except ValueError as error:
            raise ImproperlyConfigured(f"{variable}: {error}; write networks like 10.1.0.0/16.") from None
    return tuple(found)


def ports(variable: str, default: str) -> tuple[int, ...]:
    """Ports, separated by commas; none for `any`."""
    raw = env.str(variable, default=default)
    if raw == "any":
        return ()
    found = [each.strip() for each in raw.split(",")]
    if not all(each.isascii() and each.isdigit() and 0 < int(each) < 65_536 for each in found):
        raise ImproperlyConfigured(f"{variable}={raw!r} is no list of ports, like 443,8443; nor is it any.")
    return tuple(map(int, found))


def apps(variable: str) -> list[str]:
    """Django apps, separated by commas: modules, or the dotted names of their AppConfig classes."""
    found = [each.strip() for each in env.list(variable, default=[])]
    for name in found:
        missing = missing_module(name)
        if missing:
            raise ImproperlyConfigured(
                f"{variable} names {name!r}, and there is no module {missing!r}: looked for in {looked_in()}."
                " Install it there, put its folder into PYTHONPATH, or correct the name."
            )
    return found


def missing_module(name: str) -> str:
    """The first part of a dotted name that is no module, '' if none; a class may be the last."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        path = ".".join(parts[:end])
        try:
            is_there = bool(path) and find_spec(path) is not None
        except (ImportError, ValueError) as error:
            # What an app's own code fails to import is told when Django loads it.
            is_there = isinstance(error, ImportError) and getattr(error, "name", "") != path
        if not is_there and not (1 < end == len(parts) and parts[-1][:1].isupper()):
            return path
    return ""


def looked_in() -> str:
    """Where Python looks for modules that are not its own."""
    base = Path(sys.base_prefix)
    folders = [Path(each or ".").absolute() for each in sys.path if not each.endswith(".zip")]
    return ", ".join(
        dict.fromkeys(
            str(each) for each in folders if each.name == "site-packages" or base not in each.parents
        )
    )


# -- Where things are ------------------------------------------------------------------------------

DATABASE_URL = address(
    "DATABASE_URL", "postgres://postgres@127.0.0.1:5432/millrace", "postgres", "postgresql", "pgsql"
)
"""PostgreSQL 15 or newer: postgres://user:password@host:port/name."""
BROKER_URL = address("BROKER_URL", "redis://127.0.0.1:6379/0", "redis", "rediss", "amqp", "amqps")
"""redis://host:port/db or amqp://user:password@host:port/vhost."""
REDIS_URL = address(
    "REDIS_URL",
    BROKER_URL if BROKER_URL.startswith("redis") else "redis://127.0.0.1:6379/1",
    "redis",
    "rediss",
)
"""Cache and rate limits; needed with RabbitMQ as well."""
EMAIL_URL = address("EMAIL_URL", "smtp://127.0.0.1:25", *EMAIL_SCHEMES)
"""smtp://user:password@host:port, smtp+tls:// or smtp+ssl://."""
PUBLIC_URL = address("PUBLIC_URL", "http://127.0.0.1:8000", "http", "https").rstrip("/")
"""How people reach the web pages: links in mails begin with it."""
FLOWER_URL = env.str("FLOWER_URL", default="")
"""Where Flower listens; empty = no Flower."""
FLOWER_AUTH = env.str("FLOWER_AUTH", default="")
"""user:password that Flower asks for; people sign in to Millrace instead."""

# -- Django ----------------------------------------------------------------------------------------

DEBUG = switch("DEBUG", default=False)
"""Never on where strangers can reach it."""
SECRET_KEY = env.str("SECRET_KEY", default="")
"""Signs sessions and links. At least 50 random characters; the embedded system makes its own."""
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
"""Earlier keys, separated by commas: what they signed or sealed is still good."""
SECRET_KEY_IS_MADE_UP = not SECRET_KEY
if SECRET_KEY_IS_MADE_UP:
    import secrets

    # Good for commands that sign nothing (checks, migrations, builds); `check --deploy` refuses it.
    SECRET_KEY = "django-insecure-" + secrets.token_urlsafe(50)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
"""The host names that the web answers to, separated by commas."""
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[PUBLIC_URL])
"""Where forms may come from, when a proxy changes the host."""
EXTRA_APPS = apps("EXTRA_APPS")
"""An adopter's Django apps; kinds in their kinds.py or kinds/ are found."""
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
"""Schedules and pages use it."""
if TIME_ZONE not in available_timezones():
    raise ImproperlyConfigured(f"TIME_ZONE={TIME_ZONE!r} is no time zone; use one like Europe/Berlin or UTC.")
IS_HTTPS = PUBLIC_URL.startswith("https://")

IS_CELERY = Path(sys.argv[0]).parts[-2:] == ("celery", "__main__.py") or Path(sys.argv[0]).name == "celery"
"""Whether this is one of Celery's programs, which show nobody the admin: without its pages, and the forms
that they bring along, each is 7 MB smaller."""

INSTALLED_APPS = [
    "core",
    "jobs",
    "workers",
    "django_celery_beat",
    "django_celery_results",
    *([] if django.VERSION >= (6, 0) else ["django_tasks"]),
    "django_htmx",
    "django.contrib.admin.apps.SimpleAdminConfig" if IS_CELERY else "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    *EXTRA_APPS,
]
MIDDLEWARE = [
    "core.middleware.ProbeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "core.middleware.RequestIdMiddleware",
]
ROOT_URLCONF = "core.urls"
ASGI_APPLICATION = "core.asgi.application"
WSGI_APPLICATION = "core.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    }
]
DATABASES = {"default": env.db_url_config(DATABASE_URL)}
DATABASES["default"].update(
    CONN_MAX_AGE=int(number("DATABASE_MAX_AGE_SECONDS", 60)),
    CONN_HEALTH_CHECKS=True,
    DISABLE_SERVER_SIDE_CURSORS=True,  # PgBouncer in transaction mode
)
"""How long a connection of the web is used again."""
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "millrace",
        "OPTIONS": {"socket_timeout": 1.0, "socket_connect_timeout": 1.0},
    }
}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "catalogue"
LOGOUT_REDIRECT_URL = "sign-in"
USE_TZ = True
USE_I18N = True
LANGUAGE_CODE = "en"
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": env.str("MEDIA_DIR", default=f"{VAR_DIR}/files"), "base_url": None},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
"""Where uploads and results are kept; every process must see the same folder."""
WHITENOISE_USE_FINDERS = True
FILE_UPLOAD_PERMISSIONS = 0o640

# -- Security --------------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = switch("SSL_REDIRECT", default=False)
"""Send http to https; only where no proxy does it already."""
SECURE_HSTS_SECONDS = int(number("HSTS_SECONDS", 31_536_000 if IS_HTTPS else 0))
"""How long browsers insist on https."""
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False
BEHIND_PROXY = switch("BEHIND_PROXY", default=False)
"""A proxy ends https and sets X-Forwarded-Proto, which nobody else can."""
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
TRUSTED_PROXIES = int(number("TRUSTED_PROXIES", 0))
"""How many proxies add to X-Forwarded-For; 0 = the header is not believed."""
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "jobs.pages.answers.csrf_failed"
# Subdomains and the browsers' preload list concern hosts that are not ours to speak for.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
if BEHIND_PROXY:
    SILENCED_SYSTEM_CHECKS += ["security.W008"]  # the proxy redirects to https
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-src": ["'self'"],  # a draft shows a mail in a frame where nothing runs
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "manifest-src": ["'self'"],
    }
}

# -- Email -----------------------------------------------------------------------------------------

EMAIL_CONFIG = env.email_url_config(EMAIL_URL)
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = int(number("EMAIL_TIMEOUT_SECONDS", 30))
"""How long a silent mail server is waited for."""
EMAIL_UNVERIFIED = switch("EMAIL_UNVERIFIED", default=False)
"""on = a mail server is used although its certificate is not good for its name: anybody may be it."""
EMAIL_REDIRECT_TO = env.str("EMAIL_REDIRECT_TO", default="")
"""A sandbox: the one mailbox that gets all mail, whoever it is for; empty = everybody gets their own."""
# Nothing but blanks stays set, and lets nothing out: somebody meant to keep mail in.
EMAIL_REDIRECT_TO = EMAIL_REDIRECT_TO.strip() or EMAIL_REDIRECT_TO
if EMAIL_REDIRECT_TO:
    # Also what a project of yours sends by Django itself.
    EMAIL_BACKEND = "workers.engines.mail.redirect.RedirectingBackend"
DEFAULT_FROM_EMAIL = env.str("FROM_EMAIL", default="Millrace <millrace@localhost>")
"""The sender of mails that name none."""
DKIM_KEYS = env.list("DKIM_KEYS", default=[])
"""What mail is signed with: selector@domain=path of a private key in PEM, separated by commas."""

# -- Celery ----------------------------------------------------------------------------------------

CELERY_BROKER_URL = BROKER_URL
CELERY_TIMEZONE = TIME_ZONE
CELERY_RESULT_BACKEND = "django-db"
CELERY_RESULT_EXTENDED = True
CELERY_WORKER_ENABLE_REMOTE_CONTROL = switch("REMOTE_CONTROL", default=True)
"""Whether who reaches the broker may stop and slow workers; Flower sees more of them with it."""
CELERY_BEAT_SCHEDULER = "jobs.schedules:Scheduler"
DJANGO_CELERY_BEAT_TZ_AWARE = True

TASK_QUEUES = env.list("TASK_QUEUES", default=["default"])
"""The queues that functions with `@task` may go to, separated by commas (docs/howto/django-tasks.md)."""
TASKS = {
    "default": {"BACKEND": "jobs.tasks_backend.MillraceBackend", "QUEUES": TASK_QUEUES},
    "once": {
        "BACKEND": "jobs.tasks_backend.MillraceBackend",
        "QUEUES": TASK_QUEUES,
        "OPTIONS": {"retry": False},
    },
}

# -- Millrace --------------------------------------------------------------------------------------

MILLRACE = {
    "lease_seconds": number("LEASE_SECONDS", 60, at_least=1),
    "heartbeat_seconds": number("HEARTBEAT_SECONDS", 15, at_least=0.05),
    "sweep_seconds": number("SWEEP_SECONDS", 5, at_least=0.05),
    "gate_seconds": number("GATE_SECONDS", 1, at_least=0.05),
    "slice_seconds": number("SLICE_SECONDS", 0.5),
    "flush_seconds": number("FLUSH_SECONDS", 2, at_least=0.05),
    "grace_seconds": number("GRACE_SECONDS", 10, at_least=0.05),
    "drain_seconds": number("DRAIN_SECONDS", 45),
    "worker_deaths": int(number("WORKER_DEATHS", 3, at_least=1)),
    "canary_seconds": number("CANARY_SECONDS", 10, at_least=0.05),
    "deaf_seconds": number("DEAF_SECONDS", 20, at_least=0.2),
    "deaf_resets": int(number("DEAF_RESETS", 2)),
    "keep_results": choice("KEEP_RESULTS", "failed", ("failed", "all")),
    "keep_succeeded_days": number("KEEP_SUCCEEDED_DAYS", 7),
    "keep_failed_days": number("KEEP_FAILED_DAYS", 30),
    "log_lines": int(number("LOG_LINES", 500)),
    "upload_bytes": int(number("UPLOAD_MEGABYTES", 150) * 1024 * 1024),
    "link_hours": number("LINK_HOURS", 24),
    "wait_seconds": number("WAIT_SECONDS", 60),
    "stream_seconds": number("STREAM_SECONDS", 600, at_least=1),
    "waits": int(number("WAITS", 2000)),
    "waits_per_owner": int(number("WAITS_PER_OWNER", 500)),
    "public_per_hour": int(number("PUBLIC_PER_HOUR", 20)),
    "webhook_networks": networks("WEBHOOK_ALLOWED_NETWORKS"),
    "webhook_ports": ports("WEBHOOK_PORTS", "80,443,8080,8443"),
    "webhook_http": switch("WEBHOOK_HTTP", default=False),
    "webhook_seconds": number("WEBHOOK_SECONDS", 20, at_least=0.1, at_most=60),
    "webhooks_at_once": int(number("WEBHOOKS_AT_ONCE", 2, at_least=1, at_most=1000)),
    "webhook_failing_days": number("WEBHOOK_FAILING_DAYS", 5),
    "webhook_overlap_hours": number("WEBHOOK_OVERLAP_HOURS", 24),
    "tokens_per_owner": int(number("TOKENS_PER_OWNER", 100, at_least=1)),
    "webhooks_per_owner": int(number("WEBHOOKS_PER_OWNER", 20)),
    "campaign_recipients": int(number("CAMPAIGN_RECIPIENTS", 1_000_000)),
    "attached_bytes": int(number("EMAIL_ATTACHED_MEGABYTES", 20) * 1024 * 1024),
    "email_account_limit": env.str("EMAIL_ACCOUNT_LIMIT", default=""),
    "email_domain_limits": env.str("EMAIL_DOMAIN_LIMITS", default=""),
    "email_pause_seconds": number("EMAIL_PAUSE_SECONDS", 300, at_least=1, at_most=86_400),
    "keep_delivery_days": number("KEEP_DELIVERY_DAYS", 14),
    "unsubscribe_days": number("UNSUBSCRIBE_DAYS", 730, at_least=1),
    "bounce_folder": env.str("BOUNCE_FOLDER", default=""),
    "keep_report_days": number("KEEP_REPORT_DAYS", 90, at_least=7),
    "submits_per_minute": int(number("SUBMITS_PER_MINUTE", 0)),
    "waits_per_minute": int(number("WAITS_PER_MINUTE", 600)),
    "streams_per_minute": int(number("STREAMS_PER_MINUTE", 120)),
    "endpoints_per_minute": int(number("ENDPOINTS_PER_MINUTE", 30)),
    "waiting_quota": int(number("WAITING_QUOTA", 0)),
    "contact_email": env.str("CONTACT_EMAIL", default=""),
    "email_redirect_to": EMAIL_REDIRECT_TO,
    "fault_tests": switch("FAULT_TESTS", default=False),
    "failpoint": env.str("FAILPOINT", default=""),
    "failpoint_once": env.str("FAILPOINT_ONCE", default=""),
    "prepared": switch("DATABASE_PREPARED", default=True),
}
"""Each is explained in jobs/conf.py, with its unit in its name."""
WEB_THREADS = int(number("WEB_THREADS", 4, at_least=1))
"""In how many threads a web process answers, each with one connection; more is for more processes."""
REQUEST_BYTES = int(number("REQUEST_MEGABYTES", 160, at_least=1) * 1024 * 1024)
"""The largest request, all its files together, in MB; more is refused before it is kept."""
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
WORKER_HTTP_PORT = int(number("WORKER_HTTP_PORT", 0, at_most=65_535))
"""A worker's own /livez, /readyz and /metrics on loopback; 0 = off."""
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
"""The bearer token of /metrics; empty = only this machine may ask, and only while PUBLIC_URL is on it."""
OPERATOR_NAME = env.str("OPERATOR_NAME", default="")
"""The operator that `manage.py prepare` makes sure of; empty = none."""
OPERATOR_PASSWORD = env.str("OPERATOR_PASSWORD", default="")
"""Their password when they are made; empty = one is made up and printed once."""
ADMIN_NAME = env.str("ADMIN_NAME", default="")
"""The admin that `manage.py prepare` makes sure of; empty = none."""
ADMIN_PASSWORD = env.str("ADMIN_PASSWORD", default="")
"""Their password when they are made; empty = one is made up and printed once."""

# -- Logs ------------------------------------------------------------------------------------------

LOG_FORMAT = choice("LOG_FORMAT", "text", ("text", "json"))
"""`text` for people, `json` for collectors."""
LOG_LEVEL = choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
"""The least level that is written."""
LOGGING_CONFIG = None
configure_logs(LOG_FORMAT, LOG_LEVEL)
