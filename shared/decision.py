"""One decision: question, history, model and rules in, answer out. Edge and origin both call this and nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.answer import Answer, Question
from shared.filters import Condition, resolve
from shared.kernels import MAX_TOP, Candidate, Kernel, Query, Term
from shared.model import Model
from shared.profile import NOTHING, Known, hash_item
from shared.ranking import Policy, compile_policy, rank
from shared.rules import Rules
from shared.scoring import Scoring

MAX_SELECTIONS = 32
"""Filters whose selection is kept per model; at 100,000 items each takes 12.5 kB."""


@dataclass(slots=True)
class _Aside:
    """Items that are not shown, or shown last, whatever their score."""

    drop: set[int]
    demote: set[int]
    seen: frozenset[int]
    """Hashes of items seen before the history; they are recognised among the candidates."""
    treatment: str

    def __len__(self) -> int:
        return len(self.drop) + len(self.demote) + (len(self.seen) if self.treatment != "allow" else 0)

    def add(self, treatment: str, items: Iterable[int]) -> None:
        if treatment == "drop":
            self.drop.update(items)
        elif treatment == "demote":
            self.demote.update(items)


class Decider:
    """A model with its kernel and rules, ready to answer. Immutable to its callers; replace it to change anything."""

    def __init__(self, kernel: Kernel, rules: Rules) -> None:
        self.kernel = kernel
        self.model: Model = kernel.model
        self.rules = rules
        self._scoring = Scoring(self.model)
        self._policies = {name: compile_policy(self.model, slot) for name, slot in rules.slots.items()}
        self._default = compile_policy(self.model, rules.slot("*"))
        self._selections: dict[tuple[tuple[Term, ...], tuple[Condition, ...]], Any] = {}

    def decide(
        self, question: Question, history: Sequence[str], known: Known = NOTHING, variant: str | None = None
    ) -> Answer:
        """The answer to ``question`` for a visitor with ``history`` (ids, newest first; unknown ones are skipped).

        ``known`` is what else the visitor saw and bought; the slot's rules say what becomes of it.

        Raises :class:`shared.errors.NotInModel` if the question filters by a field that the model lacks.
        """
        clicks = [i for i in self.kernel.find(history) if i >= 0]
        policy = self._policies.get(question.slot, self._default)
        aside = _Aside(drop=set(policy.hide), demote=set(), seen=known.seen, treatment=question.seen or policy.seen)
        if question.exclude:
            aside.drop.update(self.kernel.find(question.exclude))
        aside.add(aside.treatment, clicks)
        if known.bought:
            aside.add(policy.purchased, self.kernel.find(known.bought))
        asked = self._scoring.query(clicks)
        ranked = self._ranked(asked, question, policy, aside)
        items = self.kernel.show(asked, ranked)
        return Answer(question.slot, self.model.name, variant, items)

    def popular(self, question: Question) -> Answer:
        """The model's own popularity list for ``question``'s slot, without history and without its filter."""
        return self.decide(question._replace(filter=()), ())

    def _ranked(self, asked: Query, question: Question, policy: Policy, aside: _Aside) -> list[Candidate]:
        """Ask the kernel for as many candidates as are likely to leave n; for more if that was not enough."""
        allowed = self._selection(policy, question.filter)
        n = question.n
        k = n + len(aside) + (3 * n if policy.boosts else n if policy.spread is not None else 0)
        while True:
            k = min(k, MAX_TOP, self.model.items)
            candidates = self.kernel.top(asked, allowed, k)
            if aside.seen and aside.treatment != "allow":
                aside.add(aside.treatment, self._seen(candidates, aside.seen))
            ranked = rank(candidates, n, policy, aside.drop, self.model, aside.demote)
            if len(ranked) == n or len(candidates) < k or k in (MAX_TOP, self.model.items):
                return ranked
            k *= 4

    def _seen(self, candidates: Sequence[Candidate], hashes: frozenset[int]) -> list[int]:
        return [c[0] for c in candidates if hash_item(self.model.id(c[0])) in hashes]

    def _selection(self, policy: Policy, conditions: tuple[Condition, ...]) -> Any:
        if not policy.filter and not conditions:
            return None
        cache_key = (policy.filter, conditions)
        if cache_key not in self._selections:
            terms = (*policy.filter, *resolve(self.model, conditions))
            if len(self._selections) >= MAX_SELECTIONS:
                self._selections.pop(next(iter(self._selections)))
            self._selections[cache_key] = self.kernel.select(terms)
        return self._selections[cache_key]
