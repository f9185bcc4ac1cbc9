"""So many per address and window, counted together, and open when nobody can count."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.core.cache import caches
from django.test import RequestFactory, override_settings

from jobs import rate
from jobs.errors import Busy
from jobs.rate import address_of, take


@pytest.fixture(autouse=True)
def rested(monkeypatch):
    monkeypatch.setattr(rate, "_rest_until", 0.0)
    monkeypatch.setattr(rate, "clock", lambda: 1_800_000_100.0)


@pytest.fixture
def silent_server():
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def redis_at(port: int) -> dict:
    """A cache without timeouts of its own."""
    backend = "django.core.cache.backends.redis.RedisCache"
    return {"default": {"BACKEND": backend, "LOCATION": f"redis://127.0.0.1:{port}/0"}}


def test_the_limit_holds_when_all_ask_at_once(monkeypatch):
    monkeypatch.setattr(rate, "PATIENCE_SECONDS", 20)
    who = uuid4().hex

    def ask(_) -> bool:
        try:
            take("test", who, limit=10, seconds=3600)
        except Busy:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(60)))

    assert sum(answers) == 10


def test_the_next_window_counts_anew(monkeypatch):
    who = uuid4().hex
    take("test", who, limit=1, seconds=3600)
    monkeypatch.setattr(rate, "clock", lambda: 1_800_000_100.0 + 3600)

    take("test", who, limit=1, seconds=3600)


def test_what_is_counted_apart_is_apart():
    who = uuid4().hex
    take("a", who, limit=1, seconds=3600)
    take("b", who, limit=1, seconds=3600)
    take("a", who + "x", limit=1, seconds=3600)

    with pytest.raises(Busy) as refused:
        take("a", who, limit=1, seconds=3600)

    assert 0 < refused.value.retry_after_seconds <= 3601


@pytest.mark.parametrize("is_silent", [True, False])
def test_without_the_cache_everybody_passes_within_a_second(silent_server, is_silent, caplog, monkeypatch):
    assert rate.PATIENCE_SECONDS < 1
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with override_settings(CACHES=redis_at(silent_server if is_silent else port)):
        monkeypatch.setattr(rate, "PATIENCE_SECONDS", 0.3)
        started = time.monotonic()
        for _ in range(20):
            take("test", "anybody", limit=0, seconds=60)
        seconds = time.monotonic() - started

    assert seconds < 3, "after one failure the cache is left alone for a while"
    assert "rate_limit_open" in caplog.text
    assert caches


@pytest.mark.parametrize(
    ("proxies", "header", "expected"),
    [
        (0, "1.1.1.1", "9.9.9.9"),
        (1, "1.1.1.1", "1.1.1.1"),
        (1, "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        (2, "6.6.6.6, 1.1.1.1, 2.2.2.2", "1.1.1.1"),
        (2, "1.1.1.1", "9.9.9.9"),
        (1, "", "9.9.9.9"),
        (1, "nonsense", "nonsense"),
    ],
)
def test_only_what_our_own_proxies_say_is_believed(settings, proxies, header, expected):
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", REMOTE_ADDR="9.9.9.9", headers={"X-Forwarded-For": header})

    assert address_of(request) == expected


def test_a_customer_with_a_whole_ipv6_network_is_one_address():
    requests = [RequestFactory().get("/", REMOTE_ADDR=f"2001:db8:1:2::{host}") for host in ("1", "ffff")]

    assert {address_of(request) for request in requests} == {"2001:db8:1:2::"}
    assert address_of(RequestFactory().get("/", REMOTE_ADDR="::ffff:1.2.3.4")) == "1.2.3.4"
