"""Texts of items that were shown before, ready to be shown again."""

from collections.abc import Callable

MOST = 200_000
"""Texts kept by one :class:`ItemTexts`; at 300 bytes each, 60 MB."""


class ItemTexts(dict[int, str]):
    """``texts[item]`` is ``make(item)``, made once. Starts anew when full: a popular item is back at once."""

    def __init__(self, make: Callable[[int], str], most: int = MOST) -> None:
        super().__init__()
        self._make = make
        self._most = most

    def __missing__(self, item: int) -> str:
        if len(self) >= self._most:
            self.clear()
        text = self[item] = self._make(item)
        return text
