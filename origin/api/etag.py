"""Entity tags as RFC 9110 has them. Ours are strong and name immutable things: model names and rules versions."""


def quote(tag: str) -> str:
    """``tag`` as an ``ETag`` header's value."""
    return f'"{tag}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Whether an ``If-None-Match`` header names ``tag``."""
    if not if_none_match:
        return False
    named = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return "*" in named or quote(tag) in named
