"""From candidates to the list that is shown: drop, boost, spread, pin. Works on item indices; knows no kernel."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from shared.filters import resolve
from shared.kernels import NO_CAUSE, Candidate, Term, inside
from shared.model import Model
from shared.rules import SlotRules


class Policy(NamedTuple):
    """A slot's rules in terms of one model: ids as indices, conditions as ranges. Made once per model and slot."""

    filter: tuple[Term, ...]
    hide: frozenset[int]
    pins: tuple[tuple[int, int], ...]
    boosts: tuple[tuple[tuple[Term, ...], int], ...]
    spread: Sequence[int] | None
    """The column whose values are spread."""
    most: int
    seen: str
    purchased: str


def compile_policy(model: Model, rules: SlotRules) -> Policy:
    """Resolve ``rules`` against ``model``. Items and spread fields that the model lacks are left out.

    Raises :class:`shared.errors.NotInModel` for a filter on a field that the model lacks.
    """
    field = rules.spread.field if rules.spread else None
    pins = ((place, model.find(item)) for place, item in rules.pins)
    return Policy(
        filter=resolve(model, rules.filter),
        hide=frozenset(map(model.find, rules.hide)) - {-1},
        pins=tuple((place, item) for place, item in pins if item >= 0),
        boosts=tuple((resolve(model, b.filter), b.percent) for b in rules.boosts),
        spread=model.sections[f"column.{field}"] if field in model.columns else None,
        most=rules.spread.max if rules.spread else 0,
        seen=rules.seen,
        purchased=rules.purchased,
    )


def rank(
    candidates: Sequence[Candidate],
    n: int,
    policy: Policy,
    drop: Collection[int],
    model: Model,
    demote: Collection[int] = (),
) -> list[Candidate]:
    """The ``n`` candidates to show, best first; fewer if there are not enough. ``candidates`` come best first.

    Those in ``demote`` come after all others. Spread gives way before a place stays empty: items beyond the limit
    follow after all others, but before the demoted ones.
    """
    if policy.boosts:
        boosted = ((item, _boosted(item, score, policy, model), cause) for item, score, cause in candidates)
        candidates = sorted(boosted, key=lambda c: (-c[1], c[0]))
    if demote:
        candidates = sorted(candidates, key=lambda c: c[0] in demote)
    chosen: list[Candidate] = []
    column, most = policy.spread, policy.most
    if column is None:
        for c in candidates:
            if c[0] not in drop:
                chosen.append(c)
                if len(chosen) == n:
                    break
    else:
        counts: dict[int, int] = {}
        over: list[Candidate] = []
        for c in candidates:
            item = c[0]
            if item in drop:
                continue
            value = column[item]
            count = counts.get(value, 0)
            if count < most:
                counts[value] = count + 1
                chosen.append(c)
                if len(chosen) == n:
                    break
            else:
                over.append(c)
        chosen += over[: n - len(chosen)]
    return _pinned(chosen, n, policy, drop, {c[0]: c for c in candidates}) if policy.pins else chosen


def _boosted(item: int, score: int, policy: Policy, model: Model) -> int:
    for terms, percent in policy.boosts:
        if all(inside(model.sections[f"column.{t.column}"][item], t) for t in terms):
            score = score * percent // 100 if score >= 0 else score * 100 // max(percent, 1)
    return score


def _pinned(
    chosen: list[Candidate], n: int, policy: Policy, drop: Collection[int], known: Mapping[int, Candidate]
) -> list[Candidate]:
    """``chosen`` with each pin at its place. A pin that is dropped (seen, excluded, hidden) is not shown."""
    pins = [(place, item) for place, item in policy.pins if place <= n and item not in drop]
    pinned = {item for _, item in pins}
    result = [c for c in chosen if c[0] not in pinned]
    for place, item in pins:
        result.insert(place - 1, known.get(item, (item, 0, NO_CAUSE)))
    return result[:n]
