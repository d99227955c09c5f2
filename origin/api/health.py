"""``/healthz``: the process is alive. ``/readyz``: its parts are reachable. ``/metrics``: what it has done."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import JSONResponse, Response

from origin.api.openapi import Responses, problems
from origin.resources import Resources
from shared.errors import Unavailable


def router(resources: Resources) -> APIRouter:
    """The routes for those who watch over the process."""
    api = APIRouter(tags=["health"])

    @api.get("/healthz", summary="Alive", operation_id="healthz")
    async def healthz() -> dict[str, str | None]:
        serving = resources.models.now
        return {"status": "alive", "model": serving.decider.model.name if serving else None}

    @api.get("/readyz", summary="Parts reachable", operation_id="readyz",
                   response_class=JSONResponse, responses=_READY)  # fmt: skip
    async def readyz() -> Response:
        parts = await resources.parts()
        if missing := [f"{part}: {state}" for part, state in parts.items() if state not in ("ok", "none")]:
            raise Unavailable("not_ready", "; ".join(missing))
        return JSONResponse({"status": "ready", "parts": parts})

    @api.get("/metrics", summary="For Prometheus", operation_id="metrics",
                   response_class=Response, responses=_METRICS)  # fmt: skip
    async def metrics() -> Response:
        return Response(await resources.render_metrics(), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    return api


_READY: Responses = problems(503)
_METRICS: Responses = {200: {"description": "Prometheus' text format.", "content": {"text/plain": {}}}}
