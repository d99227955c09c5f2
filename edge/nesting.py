"""Keeps deeply nested JSON away from the parser.

Python guards its stack by looking at addresses. In WebAssembly the stack that runs out is the host's, which it cannot
see: some thousand ``[`` would end the interpreter, where Python elsewhere raises RecursionError.
"""

import re

from shared.errors import BadInput

MAX_DEPTH = 200
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]', re.DOTALL)


def check_nesting(text: str) -> None:
    """Raises :class:`BadInput` (``bad_json``) if JSON ``text`` is nested more than :data:`MAX_DEPTH` deep."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _TOKEN.finditer(text):
        first = token[0][0]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise BadInput("bad_json", f"the body is not JSON that we read: nested more than {MAX_DEPTH} deep")
        elif first in "]}":
            depth -= 1
