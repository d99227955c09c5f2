"""A FastAPI route whose endpoint is a bare ASGI application: in OpenAPI, but without FastAPI's per-request work."""

from collections.abc import Sequence
from typing import Any

from fastapi.routing import APIRoute
from starlette.types import ASGIApp


class RawRoute(APIRoute):
    """Hands requests straight to ``endpoint(scope, receive, send)``.

    FastAPI's own handler makes two exit stacks, resolves dependencies and builds a Request and a Response object,
    which together take longer than deciding from cache.
    """

    def __init__(
        self,
        path: str,
        endpoint: ASGIApp,
        *,
        methods: Sequence[str],
        summary: str,
        description: str,
        openapi: dict[str, Any],
    ) -> None:
        async def documented() -> None:
            """Stands in for the endpoint where FastAPI looks for a signature."""

        name = path.strip("/").replace("/", "_")
        super().__init__(
            path,
            documented,
            methods=list(methods),
            summary=summary,
            name=name,
            openapi_extra=openapi,
            operation_id=name,
        )
        self.app = endpoint
