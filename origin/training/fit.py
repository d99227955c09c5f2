"""Stage 4: adapt the list settings and the serving scalars to one site, on sessions that the counts have not seen."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from origin.training.arrays import Sparse
from origin.training.count import Pairs, count, gather, popularity, recent_popularity
from origin.training.lists import trend_factors, truncate, weigh
from origin.training.replay import Replay, objective
from origin.training.search import ladder_search, pattern_search
from origin.training.sessions import Questions, Sessions
from origin.training.settings import FOREVER, SOURCE, ListSettings, Scalars
from origin.training.smooth import second_order, smoothed

MIN_QUESTIONS = 200
"""With fewer recorded questions the defaults stay: a search would fit their noise."""
LIST_ENTRIES = 1_200_000
"""History items times neighbours that each trial of a list setting may cost; questions are thinned out to fit."""
SCALAR_ENTRIES = 5_000_000
"""The same for the scalars, whose trials lay nothing out anew."""

_LADDERS = {
    "counting.tau": (0.1, 0.2, 0.4, 0.8, 1.5, 4.0, FOREVER),
    "counting.gap": (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5),
    "counting.back": (0.2, 0.4, 0.6, 0.8, 1.0),
    "weighting.power": (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    "weighting.alpha": (0.3, 0.5, 0.7, 0.85, 1.0),
    "weighting.beta": (0.0, 0.1, 0.2, 0.3, 0.4),
    "weighting.trend": (0.0, 0.1, 0.2, 0.35, 0.5, 0.7),
    "weighting.shrink": (3.0, 10.0, 30.0, 100.0),
    "weighting.itself": (0.0, 1.0),
    "smoothing.gamma": (0.0, 0.1, 0.2, 0.35, 0.5, 0.8),
}
_GAIN = 0.03  # of the objective: smaller moves are noise, and every setting that stays is one less to explain
_LENGTHS = {"position": 8, "keep": 6, "again": 6}
_STEPS = {"position": 0.1, "keep": 0.3, "again": 0.06}


class ListMaker:
    """Makes neighbour lists from one set of sessions under any settings; counts once what all of them share."""

    def __init__(self, sessions: Sessions, items: int, neighbours: int) -> None:
        self.sessions, self.items = sessions, items
        self.pairs: Pairs = gather(sessions, items)
        self.popular = popularity(sessions, items)
        self._recent = recent_popularity(sessions, items)
        self.neighbours = neighbours
        self._second = second_order(self._weighed(SOURCE))

    def make(self, how: ListSettings) -> Sparse:
        """Truncated lists, weights summing to about one per row on average."""
        trend = trend_factors(self.popular, self._recent, how.weighting.trend)
        return truncate(smoothed(self._weighed(how), self._second, trend, how.smoothing), self.neighbours)

    def _weighed(self, how: ListSettings) -> Sparse:
        trend = trend_factors(self.popular, self._recent, how.weighting.trend)
        return weigh(count(self.pairs, how.counting), self.popular, trend, how.weighting)


class Fitted(NamedTuple):
    lists: ListSettings
    scalars: Scalars
    reached: float
    """The objective on the validation questions."""
    account: list[str]
    """What was chosen and what it brought."""


def fit(maker: ListMaker, questions: Questions, mask: str, note: Callable[[str], None]) -> Fitted:
    """The settings that answer ``questions`` best over ``maker``'s lists: scalars, then lists, then scalars again."""
    settings, scalars = ListSettings(), Scalars()
    if questions.size < MIN_QUESTIONS:
        return Fitted(settings, scalars, 0.0, [f"{questions.size} questions are too few to fit: defaults kept"])
    few = _spread_out(questions, LIST_ENTRIES // maker.neighbours)
    many = _spread_out(questions, SCALAR_ENTRIES // maker.neighbours)
    scalars, start = fit_scalars(Replay(maker.make(settings), few, mask), scalars, rounds=3)
    note(f"serving scalars, first pass: {start:.2f}")

    def tried(how: ListSettings) -> float:
        return objective(Replay(maker.make(how), few, mask).ranks(scalars))

    settings, reached, account = ladder_search(settings, _LADDERS, _read, _change, tried, _GAIN)
    note(f"list settings: {reached:.2f}, {len(account)} changed")
    replay = Replay(maker.make(settings), many, mask)
    scalars, reached = fit_scalars(replay, scalars, rounds=8)
    note(f"serving scalars, second pass: {reached:.2f}")
    return Fitted(settings, scalars, reached, account)


def fit_scalars(replay: Replay, start: Scalars, rounds: int) -> tuple[Scalars, float]:
    """The scalars that ``replay`` likes best, and the objective they reach."""
    point, steps, lowest = _flatten(start)
    best, reached = pattern_search(point, steps, lowest, lambda p: objective(replay.ranks(_unflatten(p))), rounds)
    return _unflatten(best), reached


def _spread_out(questions: Questions, history_items: int) -> Questions:
    """As many questions, spread evenly over the slice, as hold ``history_items`` in all."""
    most = int(history_items / max(questions.distinct.mean(), 1))
    if questions.size <= most:
        return questions
    return questions.take(np.linspace(0, questions.size - 1, most).astype(np.int64))


def _flatten(scalars: Scalars) -> tuple[list[float], list[float], list[float]]:
    """All scalars but the first position, which is the unit; their first steps; their lower bounds."""
    point: list[float] = []
    steps: list[float] = []
    lowest: list[float] = []
    for name, value in scalars._asdict().items():
        values = list(value[1:] if name == "position" else value) if name in _LENGTHS else [value]
        point += values
        steps += [_STEPS.get(name, 0.2)] * len(values)
        lowest += [0.0 if name in _LENGTHS or name == "shrink" else -0.9] * len(values)
    return point, steps, lowest


def _unflatten(point: tuple[float, ...]) -> Scalars:
    rest = list(point)
    fields: dict[str, float | tuple[float, ...]] = {}
    for name in Scalars._fields:
        if name in _LENGTHS:
            fields[name] = ((1.0,) if name == "position" else ()) + tuple(rest[: _LENGTHS[name]])
            del rest[: _LENGTHS[name]]
        else:
            fields[name] = rest.pop(0)
    return Scalars(**fields)  # type: ignore[arg-type]


def _read(settings: ListSettings, name: str) -> float:
    part, _, field = name.partition(".")
    return float(getattr(getattr(settings, part), field))


def _change(settings: ListSettings, name: str, value: float) -> ListSettings:
    part, _, field = name.partition(".")
    changes: dict[str, Any] = {part: getattr(settings, part)._replace(**{field: value})}
    return settings._replace(**changes)
