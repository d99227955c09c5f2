"""Golden vectors for kernels, shared/vectors/kernel.json: questions, and what PythonKernel answers.

A model is stored as the arguments of :func:`tests.models.model_bytes`, an answer as its first ten candidates and a hash
of all of them. ``python -m tests.vectors`` writes the file.
"""

import hashlib
import json
import random
from functools import cache
from typing import Any

from edge.selftest import solve
from shared.kernels import LIMIT, LISTED, MAX_HISTORY, MAX_TOP, PythonKernel
from shared.model import MISSING, open_model
from tests.models import BLEND, WORDS, model_bytes

FIRST = 10

MODELS: list[dict[str, Any]] = [
    {"seed": 1, "items": 300},
    {"seed": 2, "items": 129, "dims": 16},
    {"seed": 3, "items": 1, "dims": 32},
    {"seed": 4, "items": 66_000, "dims": 16, "neighbours": 2},
    {"seed": 5, "items": 1500, "neighbours": 60},
    {"seed": 6, "items": 203, "dims": 256, "neighbours": 60, "blend": {"similarity": 64}},
    {"seed": 7, "items": 26, "neighbours": 26, "blend": {"votes": [4096] * 5, "similarity": 256, "popularity": 256}},
    {"seed": 8, "items": 515, "neighbours": 1, "blend": {"similarity": 0, "popularity": 0}},  # nothing but ties
]


@cache
def model_file(index: int) -> bytes:
    """The file of ``MODELS[index]``."""
    arguments = dict(MODELS[index])
    changes = {k: tuple(v) if isinstance(v, list) else v for k, v in arguments.pop("blend", {}).items()}
    return model_bytes(**arguments, blend=BLEND._replace(**changes))


def cases(index: int) -> list[dict[str, Any]]:
    """Questions to ``MODELS[index]``: every kind of history, filter and k, most of them at their extremes."""
    rng, items = random.Random(index), int(MODELS[index]["items"])
    slow = items > 10_000  # the reference takes a second for each
    return [
        _case(rng, items, history, k) for k in ((1, 50) if slow else (1, 2, 20, MAX_TOP)) for history in (0, 1, 5, 20)
    ]


def _case(rng: random.Random, items: int, history: int, k: int) -> dict[str, Any]:
    clicks = rng.sample(range(items), min(history, items))
    weights = [rng.choice((0, 65535, 65535, rng.randrange(65536))) for _ in clicks]
    revisits = [[rng.choice((0, 256, 65535)), rng.choice((0, 5000, LIMIT))] for _ in clicks]
    silent = rng.random() < 0.25  # a history that recalls nothing: popularity alone decides
    recall = [0 if silent else rng.randrange(256) for _ in clicks]
    return {"query": [clicks, weights, revisits, recall], "terms": rng.choice((None, _terms(rng))), "k": k}


def _terms(rng: random.Random) -> list[Any]:
    words = [[code, code] for code in rng.sample(range(-1, len(WORDS)), rng.randrange(4))]
    bound = rng.randrange(2000)
    prices = rng.choice(([[MISSING, bound]], [[bound, 2**31 - 1], [0, 99]], [[bound, bound - 1]]))
    terms = [["category", words, rng.random() < 0.6], ["price", prices, rng.random() < 0.6]]
    return rng.sample(terms, rng.randrange(3))


def short(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer as it is stored."""
    everything = json.dumps([answer[part] for part in ("top", "shown", "found", "selected")])
    return {"top": answer["top"][:FIRST], "sha256": hashlib.sha256(everything.encode()).hexdigest()}


def golden() -> dict[str, Any]:
    """The whole file."""
    found: list[dict[str, Any]] = []
    scores: set[int] = set()
    for index in range(len(MODELS)):
        kernel = PythonKernel(open_model(model_file(index)))
        for case in cases(index):
            answer = solve(kernel, case)
            scores.update(score for _, score, _ in answer["top"])
            found.append({"model": index, **case, **short(answer)})
    longest = max(len(case["query"][0]) for case in found)
    if max(scores) != LISTED + LIMIT or min(scores) >= 0 or longest != MAX_HISTORY:
        raise AssertionError("the cases no longer reach the extremes")
    return {"models": MODELS, "cases": found}
