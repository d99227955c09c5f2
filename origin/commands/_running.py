"""The settings of commands that work on what is running."""

from collections.abc import Mapping
from dataclasses import replace

from origin.embedded_redis import URL_FILE
from origin.settings import Settings


def settings_here(environ: Mapping[str, str]) -> Settings:
    """The settings; where they name no Redis, with that of the ``doorstep up`` that runs in the same home."""
    settings = Settings.from_environ(environ)
    told = settings.home / "redis" / URL_FILE
    if settings.redis_url or not told.exists():
        return settings
    return replace(settings, redis_url=told.read_text())
