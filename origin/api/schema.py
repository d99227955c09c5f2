"""``GET /v1/schema``: what an event is, for programs."""

import json

from fastapi import APIRouter, Request
from starlette.responses import Response

from origin.api.openapi import SCHEMA_FORMAT, Responses, problems
from origin.eventlog import avro
from origin.resources import Resources
from origin.schema import batch_schema
from shared.errors import BadInput


def router(resources: Resources) -> APIRouter:
    """The route. The texts are made once, whatever the ``resources``."""
    api = APIRouter(prefix="/v1/schema", tags=["events"])
    texts = {
        "json": (json.dumps(batch_schema(), ensure_ascii=True), "application/schema+json"),
        "avro": (json.dumps(avro.schema(), ensure_ascii=True), "application/json"),
    }

    @api.get("", summary="The schema of events", operation_id="schema",
             response_class=Response, responses=_RESPONSES, openapi_extra={"parameters": SCHEMA_FORMAT})  # fmt: skip
    async def schema(request: Request) -> Response:
        """As JSON Schema of a batch, or with `format=avro` as the Avro schema of a record in the log."""
        wanted = request.query_params.get("format", "json")
        if wanted not in texts:
            raise BadInput("bad_format", f"format is {' or '.join(texts)}, not {wanted[:40]!r}")
        text, media_type = texts[wanted]
        return Response(text, media_type=media_type, headers={"Cache-Control": "public, max-age=300"})

    return api


_RESPONSES: Responses = {
    200: {
        "description": "A schema.",
        "content": {"application/schema+json": {"schema": {"type": "object"}}, "application/json": {}},
    },
    **problems(400),
}
