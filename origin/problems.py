"""Every error that leaves the origin over HTTP: ``application/problem+json`` with a stable code, mapped here only."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from shared.errors import PROBLEM_TYPE, BadInput, DoorstepError, problem


class InternalError(DoorstepError):
    """A fault of ours. Its cause is in the log, not in the answer."""


def answer_problems(app: FastAPI) -> None:
    """Have ``app`` answer every exception with a problem document."""
    app.add_exception_handler(DoorstepError, _doorstep_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(Exception, _exception)


def problem_response(error: DoorstepError, headers: dict[str, str] | None = None) -> Response:
    """``error`` as a response; one that may be tried again says when."""
    more = {"Retry-After": "1"} if error.retry else {}
    return Response(
        problem(error), error.status, {"Cache-Control": "no-store", **more, **(headers or {})}, media_type=PROBLEM_TYPE
    )


async def _doorstep_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DoorstepError)  # noqa: S101 - starlette's type for handlers is wider than its promise
    return problem_response(error)


async def _http_exception(request: Request, error: Exception) -> Response:
    """Errors of the router: unknown path, wrong method, body too large. OPTIONS is answered with what is allowed."""
    assert isinstance(error, HTTPException)  # noqa: S101
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and request.method == "OPTIONS":
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
    codes = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
    details = {
        404: f"nothing is at {request.url.path[:200]}",
        405: f"{request.method[:20]} is not possible here; possible: {headers.get('Allow', '')}",
        413: "the body is too large",
    }
    status = error.status_code
    bad = BadInput(codes.get(status, "bad_request"), details.get(status, str(error.detail)), status)
    return problem_response(bad, headers)


def _allowed(request: Request) -> list[str]:
    """The methods of all routes with the path of the first that matches; the router itself names those of one route."""
    routes = request.app.routes
    path = next((route.path for route in routes if route.matches(request.scope)[0] is not Match.NONE), "")
    found = {method for route in routes if route.path == path for method in route.methods}
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


async def _validation_error(request: Request, error: Exception) -> Response:
    return problem_response(BadInput("bad_request", str(error)[:500], 422))


async def _exception(request: Request, error: Exception) -> Response:
    return problem_response(InternalError("internal_error", "a fault of ours; it has been logged"))
