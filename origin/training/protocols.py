"""The protocols of ``doorstep evaluate``: which sessions train, which questions are asked, what is hidden.

next-item   the newest tenth of the sessions (or a test file) is asked for every next item; nothing is hidden
sr-gnn      the published split of Diginetica and the like: sessions of ids, one a line, and a file of input and target
serenade    clicks of sessions with times in two files; every next item; the current item is hidden
"""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from origin.training.catalogue import bare_catalogue
from origin.training.datasets import Dataset, read_dataset
from origin.training.evaluate import Exam, exam_of, exam_on
from origin.training.sessions import Sessions, next_item_questions, questions
from shared.errors import BadInput
from shared.model import Model

PROTOCOLS = ("next-item", "sr-gnn", "serenade")


class Trial(NamedTuple):
    """What to train on and what to ask."""

    dataset: Dataset
    exam: Exam


def next_item(dataset: Dataset, share: float) -> Trial:
    """Time-ordered split: the newest ``share`` of the sessions are asked, the rest trains."""
    sessions = dataset.sessions
    stop = sessions.size - max(round(sessions.size * share), 1)
    if stop < 1:
        raise BadInput("too_few_sessions", f"{sessions.size} session(s) cannot be split into training and test")
    newest = sessions.slice(stop, sessions.size)
    what = f"next-item: every next item of the newest {newest.size:,} sessions, all items ranked, nothing masked"
    exam = exam_on(newest, next_item_questions(newest), what)
    return Trial(dataset._replace(sessions=sessions.slice(0, stop)), exam)


def next_item_in(train: Dataset, test: Dataset) -> Trial:
    """Every next item of the sessions in a test file, all items ranked, nothing masked."""
    return Trial(train, _other_sessions(train, test, "next-item: every next item of the test file", "none"))


def serenade(train: Path, test: Path, now_ms: int) -> Trial:
    """The evaluator of bolcom/serenade: every next item of each test session, the current item never an answer."""
    seen, asked = (read_dataset(path, now_ms=now_ms) for path in (train, test))
    what = "serenade: every next item of each test session, all items ranked, current item masked"
    return Trial(seen, _other_sessions(seen, asked, what, "current"))


def sr_gnn(train: Path, test: Path) -> Trial:
    """The protocol of SR-GNN (Wu and others, 2019): every row of the test file, all items ranked, nothing masked."""
    lines = [line.split() for line in _lines(train)]
    lines = [line for line in lines if line]
    ids, indices = np.unique([item for line in lines for item in line], return_inverse=True)
    sessions = Sessions(indices.astype(np.int32), np.cumsum([0, *map(len, lines)]))
    index = {item: i for i, item in enumerate(ids.tolist())}
    histories: list[int] = []
    lengths: list[int] = []
    targets: list[int] = []
    for number, line in enumerate(_lines(test)[1:], 2):
        clicks, tab, target = line.partition("\t")
        if not tab or not target.strip():
            raise BadInput("bad_file", f"{test.name}: row {number} is not input, tab, target: {line[:60]!r}")
        known = [index[item] for item in clicks.split() if item in index]
        histories += known
        lengths.append(len(known))
        targets.append(index.get(target.strip(), -1))
    ends = np.cumsum([0, *lengths])
    asked = questions(np.array(histories, np.int32), ends[:-1], ends[1:], np.array(targets, np.int32))
    what = "sr-gnn: every row of the test file, all items ranked, nothing masked"
    return Trial(Dataset(bare_catalogue(ids.tolist()), sessions, {}), exam_of(asked, what))


def realigned(trial: Trial, model: Model) -> Trial:
    """``trial`` with its items as indices into ``model``.

    Items that it lacks are unknown to questions and left out of the sessions.
    """
    to_model = np.array([*map(model.find, trial.dataset.catalogue.ids), -1], np.int32)
    seen, exam = trial.dataset.sessions, trial.exam
    known = to_model[seen.events] >= 0
    ends = np.concatenate([[0], np.cumsum(known)])[seen.ends]
    asked = exam.questions
    histories = to_model[asked.items]  # -1 picks the last entry, which is -1
    kept = histories >= 0
    order = np.argsort(~kept, axis=1, kind="stable")
    counts = np.where(kept, asked.counts, 0)
    moved = asked._replace(
        items=np.take_along_axis(histories, order, 1),
        counts=np.take_along_axis(counts, order, 1),
        clicks=counts.sum(axis=1, dtype=np.int32),
        distinct=kept.sum(axis=1, dtype=np.int32),
        targets=to_model[asked.targets],
    )
    return Trial(
        trial.dataset._replace(sessions=Sessions(to_model[seen.events[known]], ends)),
        exam._replace(questions=moved, later=to_model[exam.later]),
    )


def _other_sessions(train: Dataset, test: Dataset, what: str, mask: str) -> Exam:
    """The exam over ``test``, its items as indices into ``train``'s catalogue, -1 for unknown ones."""
    sessions = Sessions(_translated(test, train.catalogue.ids)[test.sessions.events], test.sessions.ends)
    return exam_on(sessions, next_item_questions(sessions), what, mask)


def _translated(dataset: Dataset, ids: Sequence[str]) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
    index = {item: i for i, item in enumerate(ids)}
    return np.array([index.get(item, -1) for item in dataset.catalogue.ids], np.int32)


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise BadInput("bad_file", f"{path}: there is no such file")
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            return file.read().splitlines()
    except (UnicodeDecodeError, OSError, EOFError) as error:
        raise BadInput("bad_file", f"{path.name}: cannot be read as text: {error}") from error
