"""Past interactions sent again as they came: every visitor with cookies of their own, at their pace or faster."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np

from origin.training.datasets import TIME, TYPE, VISITOR
from origin.training.items_file import ITEM, read_ids
from origin.training.tables import find_column, need_column, read_table, text_column
from origin.training.times import read_times
from shared.errors import Unavailable
from shared.events import ALIASES, KINDS, MAX_EVENTS

_WINDOW_S = 0.5
"""What a visitor did within so long of sending goes into one batch, as from a page that collects before it sends."""
_TRIES = 20


class Row(NamedTuple):
    visitor: str
    type: str
    item: str
    at_ms: int


@dataclass
class Outcome:
    """What came of a replay, so far."""

    rows: int = 0
    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    given_up: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    layers: Counter[str] = field(default_factory=Counter)
    event_ms: list[float] = field(default_factory=list)
    answer_ms: list[float] = field(default_factory=list)


def read_rows(path: Path, now_ms: int, most: int | None) -> list[Row]:
    """The interactions in ``path`` (CSV or Parquet), in the order of their times; at most the first ``most``.

    Kinds that Doorstep does not know count as views. Raises :class:`shared.errors.BadInput` as training does.
    """
    table = read_table(path)
    items = read_ids(table, need_column(table, "item", ITEM, None))
    times = read_times(table, need_column(table, "time", TIME, None), now_ms)
    visitors: list[str] = text_column(table, need_column(table, "visitor", VISITOR, None)).to_pylist()
    kind = find_column(table, TYPE, None)
    kinds: list[str] = text_column(table, kind).to_pylist() if kind else ["view"] * len(items)
    known = {name: ALIASES.get(name.lower(), name.lower()) for name in set(kinds)}
    order = np.argsort(times, kind="stable")[:most].tolist()
    return [
        Row(visitors[n], known[kinds[n]] if known[kinds[n]] in KINDS else "view", items[n], int(times[n]))
        for n in order
        if visitors[n] and items[n]
    ]


class Replay:
    """Sends rows to the edge (or origin) at ``url``. ``speed`` 60: a minute of theirs lasts a second; 0 never waits.

    After each batch the visitor asks for the slot ``home``, as the next page would.
    """

    def __init__(self, url: str, *, speed: float, senders: int = 32) -> None:
        self.outcome = Outcome()
        self._url = url.rstrip("/")
        self._speed = speed
        self._senders = senders
        self._jars: dict[str, httpx.Cookies] = defaultdict(httpx.Cookies)
        self._run = f"{time.time_ns():x}"

    async def run(self, rows: Sequence[Row]) -> Outcome:
        """Send all of them; the outcome is also there while it runs. Raises :class:`Unavailable` if nobody is there."""
        limits = httpx.Limits(max_connections=self._senders)
        async with httpx.AsyncClient(timeout=15, limits=limits) as client:
            try:
                await client.get(f"{self._url}/healthz")
            except httpx.HTTPError as error:
                raise Unavailable("nobody_there", f"nobody answers at {self._url}: {error}") from error
            started = time.monotonic()
            for due_s, batches in self._windows(rows):
                await asyncio.sleep(max(0.0, started + due_s - time.monotonic()))
                queue = iter(batches.items())
                await asyncio.gather(*(self._send(client, queue) for _ in range(self._senders)))
        return self.outcome

    def _windows(self, rows: Sequence[Row]) -> Iterator[tuple[float, dict[str, list[Row]]]]:
        """Seconds from the start, and each visitor's rows of that window."""
        batches: dict[str, list[Row]] = defaultdict(list)
        window = 0
        for n, row in enumerate(rows):
            at_s = (row.at_ms - rows[0].at_ms) / 1000 / self._speed if self._speed else n / 2000
            if batches and int(at_s / _WINDOW_S) != window:
                yield (window * _WINDOW_S if self._speed else 0), batches
                batches = defaultdict(list)
            window = int(at_s / _WINDOW_S)
            batches[row.visitor].append(row)
        if batches:
            yield (window * _WINDOW_S if self._speed else 0), batches

    async def _send(self, client: httpx.AsyncClient, queue: Iterator[tuple[str, list[Row]]]) -> None:
        for visitor, rows in queue:
            for start in range(0, len(rows), MAX_EVENTS):
                await self._post(
                    client, self._jars[visitor], [self._event(r) for r in rows[start : start + MAX_EVENTS]]
                )
            await self._ask(client, self._jars[visitor])

    def _event(self, row: Row) -> dict[str, Any]:
        self.outcome.rows += 1
        return {"id": f"{self._run}-{self.outcome.rows}", "type": row.type, "item": row.item}

    async def _post(self, client: httpx.AsyncClient, jar: httpx.Cookies, events: list[dict[str, Any]]) -> None:
        seen = self.outcome
        for attempt in range(_TRIES):
            start = time.perf_counter()
            reply = await self._exchange(client, "POST", "/v1/events", jar, {"events": events})
            if reply and reply.status_code == httpx.codes.ACCEPTED:
                told = reply.json()
                seen.event_ms.append((time.perf_counter() - start) * 1000)
                seen.sent += len(events)
                seen.accepted += told["accepted"]
                seen.rejected += len(told["rejected"])
                return
            if reply and not reply.json().get("retry"):
                break
            await asyncio.sleep(min(2.0, 0.1 * 2**attempt))
        seen.given_up += len(events)

    async def _ask(self, client: httpx.AsyncClient, jar: httpx.Cookies) -> None:
        start = time.perf_counter()
        reply = await self._exchange(client, "GET", "/v1/recommend", jar, None)
        if reply:
            self.outcome.answer_ms.append((time.perf_counter() - start) * 1000)
            self.outcome.layers[reply.headers.get("doorstep-layer", "none")] += 1

    async def _exchange(
        self, client: httpx.AsyncClient, method: str, path: str, jar: httpx.Cookies, body: Any
    ) -> httpx.Response | None:
        head = {"cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
        try:
            reply = await client.request(method, self._url + path, json=body, headers=head)
        except httpx.HTTPError:
            self.outcome.statuses[f"{method} no connection"] += 1
            return None
        client.cookies.clear()
        jar.update(reply.cookies)
        self.outcome.statuses[f"{method} {reply.status_code}"] += 1
        return reply
