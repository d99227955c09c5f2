"""What can go wrong at the edge besides :mod:`shared.errors`.

::

    DoorstepError
    ├── NotSetUp       a setting is missing; nobody but the operator can help (503, retry=False)
    └── Unavailable
        └── Later      the same request may succeed after ``after_s`` seconds (503 or 429, retry=True)
"""

from shared.errors import DoorstepError, Unavailable


class NotSetUp(DoorstepError):
    """This edge was not told what it needs for that."""

    status = 503


class Later(Unavailable):
    """Not now. ``after_s`` is what ``Retry-After`` says, in seconds."""

    def __init__(self, code: str, detail: str, *, after_s: int, status: int = 503) -> None:
        super().__init__(code, detail)
        self.after_s = max(1, after_s)
        self.status = status
