"""What can go wrong, whose fault it is, and whether trying again may help.

::

    DoorstepError
    ├── BadInput       the caller's fault: the same request will fail again (4xx, retry=False)
    ├── NotInModel     the model cannot answer this question; another layer may (retry=False)
    ├── BadModel       a model file that must not be used (retry=False)
    └── Unavailable    a part of ours is out of reach; trying again may help (503, retry=True)

Over HTTP every one of them is an ``application/problem+json`` body made by :func:`problem`.
"""

import json


class DoorstepError(Exception):
    """Base of all errors raised on purpose.

    ``code`` is stable and meant for programs; ``detail`` is a sentence for people.
    """

    status = 500
    retry = False

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


class BadInput(DoorstepError):
    """The request itself is wrong. ``status`` is the HTTP status to answer with (400 by default)."""

    def __init__(self, code: str, detail: str, status: int = 400) -> None:
        super().__init__(code, detail)
        self.status = status


class NotInModel(DoorstepError):
    """The loaded model lacks what the question needs (a filter field, say)."""

    status = 400


class BadModel(DoorstepError):
    """A model file that is truncated, altered, of another format, or inconsistent."""

    status = 422


class Unavailable(DoorstepError):
    """A part of ours did not answer in time or not at all."""

    status = 503
    retry = True


PROBLEM_TYPE = "application/problem+json"


def problem(error: DoorstepError) -> str:
    """The RFC 9457 problem document for ``error``, as JSON text."""
    return json.dumps(
        {
            "type": "about:blank",
            "title": error.code.replace("_", " "),
            "status": error.status,
            "code": error.code,
            "detail": error.detail,
            "retry": error.retry,
        },
        separators=(",", ":"),
    )
