"""From interactions to a model file: split, fit on the newest sessions, then count again on all of them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from origin.training.arrays import Floats
from origin.training.artifact import Parts, assemble
from origin.training.batch import BatchKernel
from origin.training.catalogue import Catalogue
from origin.training.count import count
from origin.training.datasets import Dataset
from origin.training.embed import embed, text_vectors
from origin.training.fill import FittedFill, aged_popularity, fit_decay, fit_fill
from origin.training.fit import Fitted, ListMaker, fit
from origin.training.metrics import measure
from origin.training.quantise import QuantisedLists, quantise_bias, quantise_blend, quantise_lists, quantise_vectors
from origin.training.replay import Replay
from origin.training.sessions import Questions, Sessions, next_item_questions
from origin.training.settings import FOREVER, SOURCE, Fill
from shared.model import open_model

Progress = Callable[[str], None]
"""Told what was just done, one short line at a time."""


class Options(NamedTuple):
    dims: int = 64
    """Dimensions of the item vectors: a multiple of 16 up to 256."""
    neighbours: int = 40
    """Neighbours stored per item, at most."""
    mask: str = "none"
    """What the site never shows (expand.MASKS): the fit then ignores it too."""


DEFAULTS = Options()
ENOUGH = 10_000
"""Questions that a fit is content with."""


def train(
    dataset: Dataset,
    *,
    version: str,
    seed: int = 0,
    options: Options = DEFAULTS,
    progress: Progress = lambda line: None,
    clock: Callable[[], float] | None = None,
) -> bytes:
    """The model file for ``dataset``. The same arguments give the same bytes, unless ``clock`` adds its seconds.

    ``version`` names the model, by custom the UTC time of training such as 20261121T061500.
    """
    started = clock() if clock else 0.0
    sessions, catalogue = dataset.sessions, dataset.catalogue
    earlier, newest = split(sessions)
    asked = next_item_questions(newest)
    progress(f"fitting on {asked.size:,} questions from the newest {newest.size:,} sessions")
    text = text_vectors(catalogue.titles, seed)
    chosen = choose(earlier, asked, catalogue, text, seed, options, progress)
    progress("counting again on all sessions")
    parts = build(ListMaker(sessions, catalogue.size, options.neighbours), text, chosen, seed, options)
    about: dict[str, Any] = {
        **dataset.counts(),
        "seed": seed,
        "neighbours": options.neighbours,
        **chosen.about(),
    }
    if clock:
        about["seconds"] = round(clock() - started, 1)
    return assemble(version, catalogue, parts, about)


def split(sessions: Sessions) -> tuple[Sessions, Sessions]:
    """(earlier, newest): the newest 5 % of the sessions, on which settings are chosen; up to 10 % of a small site's,
    as long as they hold fewer than ENOUGH next items.
    """
    asked = np.concatenate([[0], np.cumsum(np.maximum(sessions.lengths() - 1, 0))])
    wanted = int(np.searchsorted(asked, asked[-1] - ENOUGH, side="right")) - 1
    stop = min(max(wanted, int(sessions.size * 0.9)), int(sessions.size * 0.95), sessions.size - 1)
    return sessions.slice(0, stop), sessions.slice(stop, sessions.size)


class Chosen(NamedTuple):
    """Everything the fit decided."""

    fitted: Fitted
    decay: float
    fill: FittedFill
    validation: dict[str, float]

    def about(self) -> dict[str, Any]:
        """As the model's training notes tell it. No infinities: a decay of none is null."""
        settings: dict[str, float | None] = {}
        for part, values in self.fitted.lists._asdict().items():
            for name, value in values._asdict().items():
                settings[f"{part}.{name}"] = None if value == FOREVER else value
        settings["popularity.decay"] = None if self.decay == FOREVER else self.decay
        return {"settings": settings, "account": self.fitted.account, "validation": self.validation}


def choose(
    earlier: Sessions,
    asked: Questions,
    catalogue: Catalogue,
    text: Floats,
    seed: int,
    options: Options,
    progress: Progress,
) -> Chosen:
    """Fit on ``asked``, with lists counted on ``earlier`` alone, and measure the quantised result there."""
    maker = ListMaker(earlier, catalogue.size, options.neighbours)
    fitted = fit(maker, asked, options.mask, progress)
    lists = maker.make(fitted.lists)
    missed = asked.take(Replay(lists, asked, options.mask).missed())
    decay = fit_decay(earlier, catalogue.size, (missed if missed.size else asked).targets.astype(np.int64))
    rough = Chosen(fitted, decay, FittedFill(Fill(), 0.0), {})
    parts = build(maker, text, rough, seed, options)
    kernel = BatchKernel(open_model(assemble("fit", catalogue, parts, {})))
    fill = fit_fill(kernel, missed)
    progress(f"empty places: {missed.size:,} questions that no list answers, discounted gain {fill.gain:.3f}")
    kernel.blend = quantise_blend(fitted.scalars, fill.fill, parts.lists, options.dims)
    validation = measure(kernel.answer(asked, 20, options.mask).items, asked.targets, kernel.items)
    return rough._replace(fill=fill, validation=validation)


def build(maker: ListMaker, text: Floats, chosen: Chosen, seed: int, options: Options) -> Parts:
    """Lists, vectors, bias and blend from ``maker``'s sessions under the ``chosen`` settings."""
    lists: QuantisedLists = quantise_lists(maker.make(chosen.fitted.lists))
    counts = count(maker.pairs, SOURCE.counting)
    vectors = embed(counts, maker.popular, text, options.dims, seed)
    bias = quantise_bias(aged_popularity(maker.sessions, maker.items, chosen.decay))
    blend = quantise_blend(chosen.fitted.scalars, chosen.fill.fill, lists, options.dims)
    return Parts(lists, quantise_vectors(vectors), bias, blend)
