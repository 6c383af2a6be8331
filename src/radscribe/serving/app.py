"""The web application: `create_app`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

import radscribe
from radscribe.inference.caption import DISCLAIMER
from radscribe.serving import problems
from radscribe.serving.cleaning import Sandbox
from radscribe.serving.metrics import Measured
from radscribe.serving.problems import Problem
from radscribe.serving.routes import (
    captions,
    dicomweb,
    examples,
    groups,
    health,
    images,
    model,
    results,
    review,
    session,
    users,
)
from radscribe.serving.security import Gate
from radscribe.serving.service import Service
from radscribe.serving.settings import Settings
from radscribe.serving.upload import DrainRefusedUploads
from radscribe.serving.worker import Engine
from radscribe.serving.workers import Worker

PAGE = Path(__file__).parent / "page"
INDEX = PAGE / "index.html"


def create_app(
    settings: Settings,
    load: Callable[[], Engine] | None = None,
    sandbox: Sandbox | None = None,
    worker: Worker | None = None,
) -> FastAPI:
    """Create the application and start its service, so that errors of the settings are raised here.

    Parameters
    ----------
    load : callable, optional
        Makes the engine; None loads the bundle of the settings.
    worker : Worker, optional
        This process among several on one machine.

    Raises
    ------
    RadscribeError
        See `Service`.
    """
    service = Service(settings, load, sandbox, worker)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(service.close)

    app = FastAPI(
        title="radscribe",
        version=radscribe.__version__,
        description=f"Draft captions of chest radiographs. {DISCLAIMER}",
        lifespan=lifespan,
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    problems.install(app)
    for module in (
        *(captions, groups, dicomweb, review, results, images, examples, model, session, users, health),
    ):
        app.include_router(module.router)
    app.add_api_route("/", _index, include_in_schema=False)
    if PAGE.is_dir():
        app.mount("/static", StaticFiles(directory=PAGE))
    app.add_middleware(Gate, settings=settings, sessions=service.sessions, attempts=service.attempts)
    app.add_middleware(DrainRefusedUploads)
    app.add_middleware(Measured, metrics=service.metrics)  # outermost: counts what the gate turns away
    return app


async def _index() -> Response:
    if not INDEX.is_file():
        raise Problem("not-found", "This installation has no page; /openapi.json describes the interface.")
    return FileResponse(INDEX, headers={"Cache-Control": "no-cache"})
