"""The guard: no form of an address, and no name, leads a webhook into our own networks."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from threading import BoundedSemaphore, Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import Busy
from jobs.webhooks import guard
from jobs.webhooks.guard import BadAddress, aim, check, read
from tests.webhooks.conftest import SetConf

INSIDE = [
    "0.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1",
    "169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1",
    "192.0.0.192", "192.0.2.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "100::1",
    "3fff::1", "5f00::1",
    # IPv4 inside IPv6: mapped, compatible, NAT64 (both prefixes), 6to4, Teredo, ISATAP on a private prefix.
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::10.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
    "2001:0:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe", "fe80::5efe:7f00:1",
]  # fmt: skip
OUTSIDE = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111",
           "::ffff:1.1.1.1", "64:ff9b::808:808"]  # fmt: skip


def resolves_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Every name is these; the names that were asked for."""
    asked: list[str] = []

    def found(host: str, port: int, **more: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(guard.socket, "getaddrinfo", found)
    return asked


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused(address: str) -> None:
    with pytest.raises(BadAddress, match="not a public address"):
        check(ip_address(address), address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_a_public_address_is_not(address: str) -> None:
    check(ip_address(address), address)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.1", "127.0.1", "127.0.0.1.",
        "0x7f.0.0.1", "127.0.0.0x1", "1.2.3.4.5", "256.1.1.1", "0x", "①②⑦.0.0.1", "127。0。0。1",
    ],
)  # fmt: skip
def test_a_number_in_disguise_is_refused_whatever_it_means(host: str) -> None:
    with pytest.raises(BadAddress):
        aim(f"https://{host}/")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://example.org/", "whole address"),
        ("file:///etc/passwd", "whole address"),
        ("gopher://example.org/_x", "whole address"),
        ("//example.org/", "whole address"),
        ("example.org", "whole address"),
        ("https:///path", "whole address"),
        ("http://example.org/", "Use https.*WEBHOOK_HTTP"),
        ("https://user@example.org/", "names a user"),
        ("https://user:secret@example.org/", "names a user"),
        ("https://@example.org/", "names a user"),
        ("https://example.org@127.0.0.1/", "names a user"),
        ("https://example.org/#part", "after #"),
        ("https://example.org:22/", "Port 22"),
        ("https://example.org:6379/", "Port 6379"),
        ("https://example.org:0/", "Port 0"),
        ("https://example.org:99999/", "no address"),
        ("https://example.org:port/", "no address"),
        ("https://exa mple.org/", "space"),
        ("https://example.org/\r\nHost: evil", "space"),
        ("https://example.org\\@127.0.0.1/", "backslash"),
        ("https://example.org/\x00", "control"),
        ("https://[::1", "no address"),
        ("https://[::ffff:7f00:1%25eth0]/", "no IPv6"),
        ("https://[v1.x]/", "no "),
        ("https://exa%6dple.org/", "no name"),
        ("https://-example.org/", "no name"),
        ("https://" + "a" * 64 + ".org/", "no name"),
        ("https://" + "a." * 127 + "org/", "no name"),
        ("https://example..org/", "no name"),
        ("https://example.org/" + "a" * 2000, "limit"),
    ],
)
def test_what_is_no_plain_address_is_refused_with_a_reason(url: str, says: str) -> None:
    with pytest.raises(BadAddress, match=says):
        read(url)


def test_every_address_of_a_name_must_be_public(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves_to(monkeypatch, "93.184.216.34", "10.0.0.7")

    with pytest.raises(BadAddress, match=r"example\.org is 10\.0\.0\.7"):
        aim("https://example.org/")


def test_a_name_is_asked_for_once_and_its_addresses_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolves_to(monkeypatch, "93.184.216.34", "93.184.216.34", "1.1.1.1")

    target = aim("https://Example.ORG/a b".replace(" ", "%20") + "?q=1")

    assert asked == ["example.org"]
    assert target.addresses == [IPv4Address("93.184.216.34"), IPv4Address("1.1.1.1")]
    assert (target.host, target.port, target.path, target.authority) == (
        "example.org", 443, "/a%20b?q=1", "example.org",
    )  # fmt: skip


def test_a_name_in_other_letters_is_written_in_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolves_to(monkeypatch, "1.1.1.1")

    target = aim("https://mühle.example/grüße?q=ü")

    assert asked == ["xn--mhle-0ra.example"]
    assert target.path == "/gr%C3%BC%C3%9Fe?q=%C3%BC"


def test_a_name_nobody_knows_is_refused() -> None:
    with pytest.raises(BadAddress, match="was not found"):
        aim("https://no-such-host.invalid/")


def test_why_a_name_was_not_found_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **more: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(guard.socket, "getaddrinfo", unknown)

    with pytest.raises(BadAddress) as caught:
        aim("https://example.org/")
    assert str(caught.value) == "example.org was not found: Name or service not known."


def test_a_name_server_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    end = Event()
    monkeypatch.setattr(guard.socket, "getaddrinfo", lambda *a, **k: end.wait() and [])

    with pytest.raises(BadAddress, match=r"within 0\.05 s"):
        aim("https://example.org/", seconds=0.05)
    end.set()


def test_names_no_server_knows_take_only_so_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a thread stays until the system gives up; while all are taken, one is told to come back."""
    end, slots = Event(), BoundedSemaphore(1)
    monkeypatch.setattr(guard, "_resolvers", slots)
    monkeypatch.setattr(guard.socket, "getaddrinfo", lambda *a, **k: end.wait() and [])
    with pytest.raises(BadAddress):
        aim("https://silent.example/", seconds=0.05)

    with pytest.raises(Busy, match=r"example\.org could not be looked up now") as caught:
        aim("https://example.org/", seconds=0.05)

    assert caught.value.retry_after_seconds == 5
    end.set()
    assert slots.acquire(timeout=10), "the thread that ended made room"


def test_a_network_that_was_let_in_may_be_called_and_no_other(set_conf: SetConf) -> None:
    set_conf(webhook_networks=("10.1.0.0/16", "fd00:1::/64"))

    check(ip_address("10.1.2.3"), "inside")
    check(ip_address("::ffff:10.1.2.3"), "inside")
    check(ip_address("fd00:1::5"), "inside")
    for address in ("10.2.0.1", "fd00:2::5", "127.0.0.1"):
        with pytest.raises(BadAddress):
            check(ip_address(address), "inside")


@given(st.ip_addresses(v=4))
def test_no_form_of_an_ipv4_address_is_more_welcome_than_the_address(address: IPv4Address) -> None:
    plain = guard.is_allowed(address)
    number = int(address)

    assert guard.is_allowed(IPv6Address(f"::ffff:{address}")) == plain
    assert guard.is_allowed(IPv6Address((0x64FF9B << 96) | number)) == plain
    for form in (str(number), hex(number), f"0{number:o}", f"{number >> 24}.{number & 0xFFFFFF}"):
        with pytest.raises(BadAddress):
            aim(f"https://{form}/")


PRIVATE = [IPv4Network(net) for net in ("10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16")]


@given(st.sampled_from(PRIVATE).flatmap(lambda net: st.ip_addresses(v=4, network=net)))
def test_no_private_ipv4_address_is_ever_public(address: IPv4Address) -> None:
    assert not guard.is_allowed(address)
    for tunnel in (IPv6Address((0x2002 << 112) | (int(address) << 80)), IPv6Address(int(address))):
        assert not guard.is_allowed(tunnel)


@given(st.text(max_size=60))
def test_nonsense_is_refused_and_nothing_worse(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.org:{text}/", f"https://[{text}]/"):
        try:
            target = read(url)
        except BadAddress:
            continue
        assert target.host.isascii()
        assert target.path.isascii()
        assert not any(c <= " " for c in target.host + target.path)
