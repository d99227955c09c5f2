"""Request bodies, read within bounds."""

from starlette.types import Receive

from shared.errors import BadInput


async def read_text(receive: Receive, most_bytes: int) -> str:
    """The request's body as text. Raises :class:`BadInput` if it is too long, not UTF-8, or cut short."""
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadInput("body_cut_short", "the connection ended before the body did")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most_bytes:
            raise BadInput("body_too_large", f"the body has more than {most_bytes} bytes", 413)
        more = message.get("more_body", False)
    try:
        return b"".join(parts).decode()
    except UnicodeDecodeError:
        raise BadInput("bad_encoding", "the body is not UTF-8") from None
