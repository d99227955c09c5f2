"""The category of an item, as the model in service has it."""

from shared.events import FIELDS
from shared.model import Model

COLUMN = "category"
_MOST = 50_000
_LONGEST = int(FIELDS[COLUMN].high)


class Categories:
    """Looks categories up in one model at a time and remembers those of items that were asked for."""

    def __init__(self) -> None:
        self._model: Model | None = None
        self._known: dict[str, str] = {}

    def of(self, item: str, model: Model | None) -> str:
        """The category of ``item`` in ``model``; empty if either knows none."""
        if model is not self._model:
            self._model, self._known = model, {}
        category = self._known.get(item)
        if category is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            category = self._known[item] = _look_up(item, model) if model else ""
        return category


def _look_up(item: str, model: Model) -> str:
    column = model.columns.get(COLUMN)
    index = model.find(item)
    if index < 0 or column is None or column["kind"] != "keyword":
        return ""
    code, values = model.sections[f"column.{COLUMN}"][index], column["values"]
    return values[code][:_LONGEST] if 0 <= code < len(values) else ""
