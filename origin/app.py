"""The origin's application: :func:`create_app` puts routes around resources. Nothing happens at import."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from origin.api import health, models, recommend, rules
from origin.head_requests import HeadRequests
from origin.problems import answer_problems
from origin.resources import Resources
from origin.settings import Settings


def create_app(settings: Settings, *, resources: Resources | None = None) -> FastAPI:
    """The FastAPI application. Its lifespan opens and closes ``resources``, made from ``settings`` if not given."""
    parts = resources or Resources(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with parts.opened():
            yield

    app = FastAPI(
        title="Doorstep origin", version="1", lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False
    )  # fmt: skip
    answer_problems(app)
    app.add_middleware(HeadRequests)
    app.router.routes.insert(0, recommend.route(parts.recommender))
    for noun in (models, rules, health):
        app.include_router(noun.router(parts))
    return app
