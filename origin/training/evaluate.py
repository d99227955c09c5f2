"""Next-item evaluation: a model beside the two baselines that any shop has, on the same questions in the same run."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from origin.training.arrays import Ints, Longs, Sparse
from origin.training.batch import BatchKernel
from origin.training.count import popularity
from origin.training.lists import truncate
from origin.training.metrics import measure, recall
from origin.training.sessions import Questions, Sessions
from shared.model import Model

_NEWEST = 100  # distinct events of a session that the co-occurrence baseline pairs


class Exam(NamedTuple):
    """Questions about items that are indices into the training catalogue."""

    questions: Questions
    later: Ints
    """All distinct items that followed question p: ``later[ends[p]:ends[p + 1]]``."""
    ends: Longs
    protocol: str
    """What was asked and how answers were judged, in a sentence."""
    mask: str = "none"


def exam_on(sessions: Sessions, questions: Questions, protocol: str, mask: str = "none") -> Exam:
    """The exam over every next item of ``sessions``; ``questions`` are those of the same sessions, in order."""
    events, owners = sessions.events, sessions.owners()
    at = np.ones(len(events), bool)
    at[sessions.ends[:-1][sessions.lengths() > 0]] = False
    later = [np.unique(events[i : sessions.ends[owners[i] + 1]]) for i in np.flatnonzero(at)]
    ends = np.concatenate([[0], np.cumsum([len(part) for part in later])]).astype(np.int64)
    return Exam(questions, np.concatenate([*later, np.zeros(0, np.int32)]).astype(np.int32), ends, protocol, mask)


def exam_of(questions: Questions, protocol: str, mask: str = "none") -> Exam:
    """The exam whose questions have one item each that followed."""
    return Exam(questions, questions.targets, np.arange(questions.size + 1), protocol, mask)


def examine(model: Model, seen: Sessions, exam: Exam, k: int) -> dict[str, Any]:
    """Measures of the model and of both baselines, which know the sessions ``seen``.

    ``popularity``: the items with most events.  ``co-occurrence``: the items in most sessions with the last item,
    then popularity. Every answer ranks all items but the masked ones.
    """
    kernel = BatchKernel(model)
    popular = popularity(seen, model.items)
    none = csr_array((model.items, model.items), dtype=np.float64)
    answers = {
        "doorstep": kernel.answer(exam.questions, k, exam.mask).items,
        "co-occurrence": _last_item(_together(seen, model.items, k + 20), popular, exam, k),
        "popularity": _last_item(none, popular, exam, k),
    }
    results = {name: _measured(found, exam, model.items) for name, found in answers.items()}
    return {"protocol": exam.protocol, "k": k, "questions": exam.questions.size, "results": results}


def _measured(answers: Ints, exam: Exam, items: int) -> dict[str, float]:
    measures = measure(answers, exam.questions.targets, items)
    del measures["questions"]
    measures["recall"] = recall(answers, exam.later, exam.ends)
    return measures


def _together(sessions: Sessions, items: int, most: int) -> Sparse:
    """In how many sessions two different items occur together; the ``most`` best per item."""
    owners = sessions.owners()
    near = sessions.ends[owners + 1] - np.arange(len(owners)) <= _NEWEST
    shape = (sessions.size, items)
    held: Sparse = csr_array((np.ones(int(near.sum())), (owners[near], sessions.events[near])), shape=shape)
    held.data[:] = 1
    both = (held.T @ held).tocsr()
    both.setdiag(0)
    both.eliminate_zeros()
    return truncate(both, most)


def _last_item(lists: Sparse, popular: Longs, exam: Exam, k: int) -> Ints:
    """The last item's list, best first, ties by popularity, then the most popular items, none of them twice."""
    ranked = np.argsort(-popular, kind="stable")
    standing = np.empty(len(ranked), np.int64)
    standing[ranked] = np.arange(len(ranked))
    top = ranked[: k + 50]
    answers = np.full((exam.questions.size, k), -1, np.int32)
    known: dict[int, Longs] = {}
    for p, history in enumerate(exam.questions.items):
        last = int(history[0])
        if last not in known:
            known[last] = top
            if last >= 0:
                row = slice(lists.indptr[last], lists.indptr[last + 1])
                own = lists.indices[row]
                own = own[np.lexsort((standing[own], -lists.data[row]))]
                known[last] = np.concatenate([own, top[~np.isin(top, own)]])
        choice = known[last]
        if exam.mask != "none" and last >= 0:
            choice = choice[~np.isin(choice, history[:1] if exam.mask == "current" else history)]
        found = choice[:k]
        answers[p, : len(found)] = found
    return answers
