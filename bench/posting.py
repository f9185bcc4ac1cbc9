"""Post the same body again and again through some connections that stay open: what a busy client does.

`python -m bench.posting PORT PATH CONNECTIONS COUNT`, the headers and the body as JSON on standard input. A
client of a few lines, because one that does more would take the time that is to be measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import count
from uuid import uuid4

ACCEPTED = 202
WARM_UP = 100
"""Requests of each connection before the clock starts."""


class Poster:
    """Its connections share one supply of requests."""

    def __init__(self, port: int, path: str, headers: dict[str, str], body: str) -> None:
        self.port = port
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.head = "\r\n".join(lines)
        self.body = body
        self.run = uuid4().hex
        self.numbers = count()

    async def post(self, connections: int, requests: int) -> list[float]:
        """Seconds of each answer; ends the benchmark if one is not 202."""
        supply = iter(range(requests))
        taken: list[float] = []
        await asyncio.gather(*(self._connect(supply, taken) for _ in range(connections)))
        return taken

    async def _connect(self, supply: Iterator[int], taken: list[float]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for _ in supply:
            began = time.perf_counter()
            key = f"{self.run}-{next(self.numbers)}"
            writer.write(f'{self.head}\r\nIdempotency-Key: "{key}"\r\n\r\n{self.body}'.encode())
            status = await read_answer(reader)
            taken.append(time.perf_counter() - began)
            if status != ACCEPTED:
                raise SystemExit(f"An answer was {status}.")
        writer.close()


async def read_answer(reader: asyncio.StreamReader) -> int:
    """The status of an answer that was read whole."""
    head = await reader.readuntil(b"\r\n\r\n")
    status, _, fields = head.decode().partition("\r\n")
    for field in fields.split("\r\n"):
        name, _, value = field.partition(":")
        if name.lower() == "content-length":
            await reader.readexactly(int(value))
    return int(status.split()[1])


async def main(port: str, path: str, connections: str, requests: str) -> None:
    """Requests a second, and the p99 in milliseconds, as JSON."""
    asked = json.load(sys.stdin)
    poster = Poster(int(port), path, asked["headers"], json.dumps(asked["body"]))
    await poster.post(int(connections), WARM_UP * int(connections))
    began = time.perf_counter()
    taken = sorted(await poster.post(int(connections), int(requests)))
    rate = len(taken) / (time.perf_counter() - began)
    middle, end = (taken[len(taken) * percent // 100] * 1e3 for percent in (50, 99))
    print(json.dumps({"rate": rate, "p50": middle, "p99": end}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
