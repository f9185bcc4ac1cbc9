"""The guard against forged targets (SSRF): which address may be called, and under which name.

A name is resolved once, every address it has must be allowed, and who calls connects to one of exactly these.
Asked when an endpoint is made and again before every call, because a name may mean something else by then.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Thread
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from jobs.conf import conf
from jobs.errors import Busy, Refusal

Address = IPv4Address | IPv6Address
LONGEST = 2000
RESOLVE_SECONDS = 5.0
RESOLVERS = 8
"""So many names a process looks up at a time: a silent name server keeps a thread for long."""
AGAIN_SECONDS = 5
PORTS = {"http": 80, "https": 443}
# Letters, digits and what stands between them, once it is written in ASCII.
NAME = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?\Z"
)
# `127.1`, `2130706433`, `0x7f.1` and `0177.0.0.1` all mean 127.0.0.1 to the system's resolver.
NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)\.?\Z")
QUAD = re.compile(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}\Z")

# What the registries say must not be reached from outside, whichever Python this is.
CLOSED = [
    ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
    )
]  # fmt: skip
UNICAST = IPv6Network("2000::/3")
"""All of IPv6 that is given out; whatever is not in it is closed too."""
# IPv6 addresses that lead to an IPv4 address: that one is judged in their place.
MAPPED, TRANSLATED = IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96")

_resolvers = BoundedSemaphore(RESOLVERS)


class BadAddress(Refusal):
    """An address that must not be called."""

    code = "bad_address"


class Target(NamedTuple):
    """Where to connect to, and what to say there."""

    is_tls: bool
    host: str
    port: int
    path: str
    addresses: list[Address]

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS["https" if self.is_tls else "http"] else f"{host}:{self.port}"


def aim(url: str, *, seconds: float = RESOLVE_SECONDS) -> Target:
    """Where this URL leads, looked up for at most so long.

    Raises BadAddress where that is nowhere, or must not be called; Busy where it cannot be looked up now.
    """
    target = read(url)
    found = resolve(target.host, target.port, seconds)
    for address in found:
        check(address, target.host)
    return target._replace(addresses=found)


def read(url: str) -> Target:
    """The URL's parts, without asking anybody."""
    if len(url) > LONGEST:
        raise BadAddress(f"The address has {len(url):,} characters; {LONGEST:,} are the limit.")
    if re.search(r"[\x00-\x20\x7f-\xa0\\]", url):
        raise BadAddress("The address holds a space, a backslash or a control character. Write it without.")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError as error:
        raise BadAddress(f"{url!r} is no address: {error}.") from None
    if parts.scheme not in PORTS or not host:
        raise BadAddress("Write the whole address, like https://example.org/hooks.")
    if parts.scheme == "http" and not conf().webhook_http:
        raise BadAddress(
            "Use https: what is sent over http can be read and changed on its way. If it is meant, an"
            " administrator allows it: WEBHOOK_HTTP."
        )
    if "@" in parts.netloc:
        raise BadAddress("The address names a user. Leave it out: every message is signed.")
    if "[" in parts.netloc and ":" not in host:
        raise BadAddress(f"{host!r} is no IPv6 address.")
    if parts.fragment or url.endswith("#"):
        raise BadAddress("The address has a part after #, which is never sent. Leave it out.")
    if port is None:
        port = PORTS[parts.scheme]
    if conf().webhook_ports and port not in conf().webhook_ports:
        allowed = ", ".join(map(str, conf().webhook_ports))
        raise BadAddress(f"Port {port} is not called from here; allowed are {allowed} (WEBHOOK_PORTS).")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?") if parts.query else ""
    return Target(parts.scheme == "https", name_of(host), port, path + query, [])


def name_of(host: str) -> str:
    """The host in ASCII, small; an address in its one usual form."""
    if ":" in host:
        try:
            if "%" in host:
                raise ValueError("a zone means something on one machine only")
            return str(IPv6Address(host))
        except ValueError:
            raise BadAddress(f"{host!r} is no IPv6 address.") from None
    try:
        name = host.encode("idna").decode().lower()
    except UnicodeError:
        raise BadAddress(f"{host!r} is no name of a host.") from None
    if NUMBER.match(name.rstrip(".").rpartition(".")[2]):
        if not QUAD.match(name) or any(int(part) > 255 for part in name.split(".")):
            raise BadAddress(
                f"{host!r} is a number in disguise. Write an IP address as four numbers, or a name."
            )
    elif not NAME.match(name):
        raise BadAddress(f"{host!r} is no name of a host.")
    return name


def resolve(host: str, port: int, seconds: float) -> list[Address]:
    """Every address of that name; raises BadAddress if there is none, or nobody says so in time.

    In a thread, because the system's resolver knows no limit. Raises Busy while all of them are taken.
    """
    until = time.monotonic() + seconds
    answers: SimpleQueue[list[Address] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(ip_address(str(each[4][0]).partition("%")[0]) for each in found)))
        except (OSError, ValueError) as error:
            answers.put(error)
        finally:
            # Not when nobody waits any more: the thread is there until the system gives up.
            _resolvers.release()

    if not _resolvers.acquire(timeout=seconds):
        raise Busy(
            f"{host} could not be looked up now: other names are waited for. Please try again.", AGAIN_SECONDS
        )
    try:
        Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    except RuntimeError:  # the system has no thread left
        _resolvers.release()
        raise
    try:
        answer = answers.get(timeout=max(0.0, until - time.monotonic()))
    except Empty:
        raise BadAddress(f"{host} was not found within {seconds:g} s: no name server answered.") from None
    if isinstance(answer, Exception) or not answer:
        raise BadAddress(f"{host} was not found: {why_none(answer)}.")
    return answer


def why_none(answer: list[Address] | Exception) -> str:
    """Why there is no address, without the number that the system has for it."""
    if isinstance(answer, OSError) and answer.strerror:
        return answer.strerror
    return str(answer or "it has no address")


def check(address: Address, host: str) -> None:
    """Raise BadAddress unless this one may be called."""
    if is_allowed(address):
        return
    shown = f"{host} is {address}, which is" if str(address) != host else f"{host} is"
    raise BadAddress(
        f"{shown} not a public address. If it is meant, an administrator lets its network in:"
        " WEBHOOK_ALLOWED_NETWORKS."
    )


def is_allowed(address: Address) -> bool:
    """Whether it is public, or in a network that was let in."""
    inner = list(embedded(address)) or [address]
    networks = [ip_network(network) for network in conf().webhook_networks]
    if any(each in network for network in networks for each in (address, *inner)):
        return True
    return all(is_public(each) for each in inner)


def is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in UNICAST:
        return False
    return address.is_global and not address.is_multicast and not any(address in net for net in CLOSED)


def embedded(address: Address) -> Iterator[Address]:
    """The IPv4 address to which an IPv6 address leads, if it does. Other ways there are closed altogether."""
    if isinstance(address, IPv6Address) and (address in MAPPED or address in TRANSLATED):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
