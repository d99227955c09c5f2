"""``/v1/rules/current``: the rules file in force, for edges to fetch."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from origin.api.etag import matches, quote
from origin.api.openapi import Responses, problems
from origin.resources import Resources
from shared.errors import Unavailable


def router(resources: Resources) -> APIRouter:
    """The routes about rules."""
    api = APIRouter(prefix="/v1/rules", tags=["rules"])

    @api.get("/current", summary="The rules in force", operation_id="current_rules",
                   response_class=Response, responses=_RESPONSES)  # fmt: skip
    async def current(request: Request) -> Response:
        serving = resources.models.now
        if serving is None:
            raise Unavailable("no_model", "no usable model is published yet, so no rules are in force")
        headers = {"ETag": quote(serving.rules), "Cache-Control": "no-cache"}
        if matches(request.headers.get("if-none-match"), serving.rules):
            return Response(status_code=304, headers=headers)
        return Response(serving.rules_text, 200, headers, media_type="application/json")

    return api


_RESPONSES: Responses = {
    200: {"description": "A rules file.", "content": {"application/json": {"schema": {"type": "object"}}}},
    304: {"description": "The caller has it."},
    **problems(503),
}
