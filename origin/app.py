"""The origin's application: :func:`create_app` puts routes around resources. Nothing happens at import."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from origin.api import events, health, live, me, models, recommend, rules, schema, visitors
from origin.head_requests import HeadRequests
from origin.problems import answer_problems
from origin.resources import Resources
from origin.settings import Settings


class OriginApp(FastAPI):
    """A FastAPI application with fast lanes: requests for the routes in ``lanes`` go straight to their endpoints.

    Middleware, exit stacks and routing take 20 us, a tenth of what a computed answer costs in all. ``sockets`` are
    the endpoints for WebSockets, by path.
    """

    lanes: dict[tuple[str, str], ASGIApp]
    sockets: dict[str, ASGIApp]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            app = self.lanes.get((scope["method"], scope["path"]))
        else:
            app = self.sockets.get(scope["path"]) if scope["type"] == "websocket" else None
        if app:
            await app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings, *, resources: Resources | None = None) -> OriginApp:
    """The application. Its lifespan opens and closes ``resources``, made from ``settings`` if not given."""
    parts = resources or Resources(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with parts.opened():
            yield

    app = OriginApp(
        title="Doorstep origin", version="1", lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False
    )  # fmt: skip
    answer_problems(app)
    app.add_middleware(HeadRequests)
    lanes = (
        recommend.route(parts.recommender, parts.visitors, parts.secret),
        events.route(parts.ingest),
        live.route(parts.hub, parts.secret),
    )
    app.router.routes.extend(lanes)
    app.lanes = {(method, lane.path): lane.app for lane in lanes for method in lane.methods or ()}
    app.lanes["HEAD", live.PATH] = live.head
    app.sockets = {live.PATH: live.socket(parts.hub, parts.secret)}
    for noun in (schema, visitors, me, models, rules, health):
        app.router.routes.extend(noun.router(parts).routes)  # not as routers within the router: one list of routes
    return app
