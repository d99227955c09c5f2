"""Coordinate search: change one number at a time and keep what helps. Deterministic, and knows nothing of models."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def pattern_search(
    start: Sequence[float],
    steps: Sequence[float],
    lowest: Sequence[float],
    score: Callable[[tuple[float, ...]], float],
    rounds: int,
) -> tuple[tuple[float, ...], float]:
    """The best point found from ``start`` and its score.

    Each coordinate tries one step up and one down, goes on in a direction that helps, and halves its step when
    neither does; no coordinate falls below its ``lowest``.
    """
    best, sizes = tuple(start), list(steps)
    reached = score(best)
    for _ in range(rounds):
        before = reached
        for i in range(len(best)):
            moved = False
            for direction in (1, -1):
                while True:
                    trial = (*best[:i], max(best[i] + direction * sizes[i], lowest[i]), *best[i + 1 :])
                    if trial == best or (tried := score(trial)) <= reached:
                        break
                    best, reached, moved = trial, tried, True
                if moved:
                    break
            if not moved:
                sizes[i] /= 2
        if reached - before < 1e-3 and max(sizes) < max(steps) / 4:
            break
    return best, reached


def ladder_search(
    start: T,
    ladders: Mapping[str, Sequence[float]],
    read: Callable[[T, str], float],
    change: Callable[[T, str, float], T],
    score: Callable[[T], float],
    gain: float,
) -> tuple[T, float, list[str]]:
    """Moves each named setting along its ladder of values while the score grows by at least ``gain``.

    Returns the best point, its score, and a line for each move that was kept.
    """
    best, reached = start, score(start)
    moves = []
    for name, rungs in ladders.items():
        origin = read(best, name)
        at = min(range(len(rungs)), key=lambda r: abs(rungs[r] - origin) if rungs[r] != origin else -1)
        for direction in (1, -1):
            moved = False
            while 0 <= at + direction < len(rungs):
                trial = change(best, name, rungs[at + direction])
                tried = score(trial)
                if tried < reached + gain:
                    break
                moves.append(f"{name} {read(best, name):g} -> {rungs[at + direction]:g}: +{tried - reached:.3f}")
                best, reached, at, moved = trial, tried, at + direction, True
            if moved:
                break
    return best, reached, moves
