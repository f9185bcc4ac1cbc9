"""The asynchronous client: the twin of `client`, line by line."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx2

from millrace_client import asks
from millrace_client.answers import body_of, failure_of, pause_of, told_by
from millrace_client.asks import Ask
from millrace_client.errors import JobFailed, MillraceError, Problem, StillGoing, Unreachable, problem_of
from millrace_client.retries import Retries, Tries
from millrace_client.saving import saving
from millrace_client.shapes import About, Artifact, Event, JobState, LogLine, Result
from millrace_client.stream import Lines, Reader


class AsyncClient:
    """A connection to one Millrace; use it as a context manager, or call `close`."""

    def __init__(
        self, url: str | None = None, token: str | None = None, *, retries: Retries | None = None
    ) -> None:
        self.url, headers = asks.address_of(url, token)
        self.retries = retries or Retries()
        self._http = httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=asks.TIMEOUT_SECONDS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def submit(
        self,
        kind: str,
        payload: Mapping[str, Any],
        *,
        key: str | None = None,
        queue: str | None = None,
        priority: int = 0,
        run_at: datetime | None = None,
        group: str | None = None,
    ) -> AsyncJob:
        """Have a job accepted: once, however often this request has to be sent.

        The same `key` again is the same job; without one, the client makes a key for this call. Raises
        BadPayload, UnknownKind, KeyReused, NotAllowed, Busy or Unreachable.
        """
        ask = asks.submit(kind, payload, key=key, queue=queue, priority=priority, run_at=run_at, group=group)
        return AsyncJob(self, await self._json(ask))

    async def job(self, id: str) -> AsyncJob:
        """One job; raises NotFound or Gone."""
        return await AsyncJob(self, {"id": id}).refresh()

    async def jobs(self, filter: str = "", *, page_size: int = 100) -> AsyncIterator[AsyncJob]:
        """All that fit, the newest first; pages are fetched as they are needed. Raises BadFilter."""
        cursor: str | None = ""
        while cursor is not None:
            page = await self._json(asks.list_jobs(filter, cursor, page_size))
            for told in page["jobs"]:
                yield AsyncJob(self, told)
            cursor = page["next"]

    async def export(self, filter: str = "") -> AsyncIterator[dict[str, Any]]:
        """All that fit, whole, the newest first; after a break it goes on where it was.

        Raises BadFilter; Unreachable once there is no answer any more.
        """
        last, tries = "", Tries(self.retries)
        while True:
            try:
                async with self._stream(asks.export(filter, last)) as response:
                    async for line in lines_of(response):
                        told = json.loads(line)
                        last = told["id"]
                        tries.went_on()
                        yield told
                return
            except (Problem, Unreachable) as error:
                pause = tries.pause(error)
            await asyncio.sleep(pause)

    async def upload(
        self, file: str | Path | IO[bytes], *, name: str | None = None, key: str | None = None
    ) -> Artifact:
        """Hand a file in; name its `id` in a payload."""
        if isinstance(file, str | Path):
            with Path(file).open("rb") as content:
                return await self.upload(content, name=name or Path(file).name, key=key)
        return Artifact.read(await self._json(asks.upload(key), file=(name or "file", file)))

    async def download(self, file: Artifact, to: str | Path) -> Path:
        """Write a file's bytes to a path, once all of them are there; raises Unreachable, Damaged."""
        target = Path(to)
        async with self._stream(Ask("GET", file.url)) as response:
            with saving(target, file.sha256) as take:
                async for piece in response.aiter_bytes():
                    take(piece)
        return target

    async def send(self, ask: Ask, *, file: tuple[str, IO[bytes]] | None = None) -> httpx2.Response:
        """Send a request until it is answered for good; raises Problem or Unreachable."""
        tries = Tries(self.retries)
        while True:
            if file is not None:
                file[1].seek(0)
            try:
                response = await self._http.request(
                    **ask.address, json=ask.json, files={"file": file} if file else None
                )
            except httpx2.TransportError as error:
                unheard = f"{self.url} did not answer, {tries.tried + 1} times: {error}"
                pause = tries.pause(Unreachable(unheard))
            else:
                failure = failure_of(response, self.url)
                if failure is None:
                    return response
                pause = tries.pause(failure, response.headers.get("Retry-After"))
            await asyncio.sleep(pause)

    async def _json(self, ask: Ask, *, file: tuple[str, IO[bytes]] | None = None) -> Any:
        return told_by(await self.send(ask, file=file))

    @asynccontextmanager
    async def _stream(self, ask: Ask) -> AsyncIterator[httpx2.Response]:
        try:
            async with self._http.stream(**ask.address, follow_redirects=True) as response:
                if response.status_code >= 400:
                    await response.aread()
                    raise problem_of(response.status_code, body_of(response))
                yield response
        except httpx2.TransportError as error:
            raise Unreachable(f"{self.url} did not answer, or broke off: {error}") from error


class AsyncJob(About):
    """A job as the server told of it last; `refresh` asks again."""

    def __init__(self, client: AsyncClient, told: Mapping[str, Any]) -> None:
        super().__init__(told)
        self._client = client
        self.etag = ""

    async def refresh(self) -> Self:
        """Ask how it stands."""
        return self._take(await self._client.send(asks.get_job(self.id)))

    async def wait(self, timeout: float | None = None) -> Self:
        """Until it has ended; raises StillGoing once the time is over."""
        until = None if timeout is None else time.monotonic() + timeout
        while not self.state.is_final:
            left = asks.WAIT_SECONDS if until is None else until - time.monotonic()
            if left <= 0:
                raise StillGoing(f"Job {self.id} is {self.state} after {timeout:g} s; it goes on.")
            began = time.monotonic()
            response = await self._client.send(asks.wait(self.id, min(int(left), asks.WAIT_SECONDS)))
            self._take(response)
            if not self.state.is_final and time.monotonic() - began < 1:
                await asyncio.sleep(min(pause_of(response), max(left, 0)))
        return self

    async def result(self, timeout: float | None = None) -> Result:
        """What it brought out, once it has ended; raises JobFailed if it did not succeed, StillGoing."""
        await self.wait(timeout)
        told = await self._client._json(asks.result(self.id))
        if told["state"] != JobState.SUCCEEDED:
            raise JobFailed(self.id, told["state"], told["code"], told["error"])
        return Result.read(told)

    async def cancel(self, *, key: str | None = None) -> Self:
        """Cancel it if it waits, ask it to stop if it runs; raises NotPossible if it has ended."""
        return self._take(await self._client.send(asks.act(self.id, "cancel", key)))

    async def retry(self, *, key: str | None = None) -> Self:
        """Queue it again after it failed or was cancelled; raises NotPossible."""
        return self._take(await self._client.send(asks.act(self.id, "retry", key)))

    async def change(
        self,
        payload: Mapping[str, Any] | None = None,
        *,
        queue: str | None = None,
        priority: int | None = None,
        run_at: datetime | None = None,
        key: str | None = None,
    ) -> Self:
        """Change what has not started; what is None stays, a payload is replaced as a whole.

        For the job as it was read last: raises ChangedMeanwhile if it is otherwise by now, NotPossible if it
        has started, BadPayload, NotAllowed.
        """
        wish = {"payload": payload, "queue": queue, "priority": priority, "run_at": run_at}
        if not self.etag:
            await self.refresh()
        return self._take(await self._client.send(asks.change(self.id, self.etag, key, wish)))

    async def rerun(self, payload: Mapping[str, Any] | None = None, *, key: str | None = None) -> AsyncJob:
        """A new job with the same payload, or with another one."""
        body = None if payload is None else {"payload": dict(payload)}
        return AsyncJob(self._client, await self._client._json(asks.act(self.id, "rerun", key, body)))

    def _take(self, response: httpx2.Response) -> Self:
        """What the server tells of the job, and the tag of it."""
        self.told, self.etag = told_by(response), response.headers.get("ETag", "")
        return self

    async def log(self, after: int = 0) -> AsyncIterator[LogLine]:
        """The lines that are kept, the oldest first."""
        found: int | None = after
        while found is not None:
            page = await self._client._json(asks.log(self.id, found))
            for line in page["lines"]:
                yield LogLine.read(line)
            found = page["next"]

    async def events(self, last_id: str | None = None) -> AsyncIterator[Event]:
        """What happens to it, as it happens, until it has ended; after a break it goes on where it was."""
        reader, tries = Reader(last_id), Tries(self._client.retries)
        while True:
            failure: MillraceError = Unreachable(f"The events of job {self.id} broke off before their end.")
            try:
                async with self._client._stream(asks.events(self.id, reader.last)) as response:
                    if response.status_code == 204:
                        return
                    async for line in lines_of(response):
                        if event := reader.take(line):
                            tries.went_on()
                            yield event
                            if event.name == "end":
                                return
            except (Problem, Unreachable) as error:
                failure = error
            await asyncio.sleep(tries.pause(failure))


async def lines_of(response: httpx2.Response) -> AsyncIterator[str]:
    """The lines of a stream, as they come."""
    lines = Lines()
    async for piece in response.aiter_bytes():
        for line in lines.take(piece):
            yield line
