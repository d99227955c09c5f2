"""One decision: question, history, model and rules in, answer out. Edge and origin both call this and nothing else."""

from collections.abc import Sequence
from typing import Any

from shared.answer import Answer, Question
from shared.filters import Condition, resolve
from shared.kernels import MAX_TOP, Candidate, Kernel, Query, Term
from shared.model import Model
from shared.ranking import Policy, compile_policy, rank
from shared.rules import Rules
from shared.scoring import Scoring

MAX_SELECTIONS = 32
"""Filters whose selection is kept per model; at 100,000 items each takes 12.5 kB."""


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

    def decide(self, question: Question, history: Sequence[str], variant: str | None = None) -> Answer:
        """The answer to ``question`` for a visitor with ``history`` (ids, newest first; unknown ones are skipped).

        Raises :class:`shared.errors.NotInModel` if the question filters by a field that the model lacks.
        """
        clicks = [i for i in self.kernel.find(history) if i >= 0]
        policy = self._policies.get(question.slot, self._default)
        drop = set(policy.hide)
        if question.exclude:
            drop.update(self.kernel.find(question.exclude))
        if policy.drop_seen if question.seen is None else question.seen == "drop":
            drop.update(clicks)
        asked = self._scoring.query(clicks)
        ranked = self._ranked(asked, question, policy, drop)
        items = self.kernel.show(asked, ranked)
        return Answer(question.slot, self.model.name, variant, items)

    def popular(self, question: Question) -> Answer:
        """The model's own popularity list for ``question``'s slot, without history and without its filter."""
        return self.decide(question._replace(filter=()), ())

    def _ranked(self, asked: Query, question: Question, policy: Policy, drop: set[int]) -> list[Candidate]:
        """Ask the kernel for as many candidates as are likely to leave n; for more if that was not enough."""
        allowed = self._selection(policy, question.filter)
        n = question.n
        k = n + len(drop) + (3 * n if policy.boosts else n if policy.spread is not None else 0)
        while True:
            k = min(k, MAX_TOP, self.model.items)
            candidates = self.kernel.top(asked, allowed, k)
            ranked = rank(candidates, n, policy, drop, self.model)
            if len(ranked) == n or len(candidates) < k or k in (MAX_TOP, self.model.items):
                return ranked
            k *= 4

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
