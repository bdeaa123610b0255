"""The application: its routes, and nothing about who may call them (see `guard`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from chainrule.errors import ChainruleError
from chainrule.lab import answers
from chainrule.lab.apart import apart
from chainrule.lab.bodies import Refusal, parse
from chainrule.lab.guard import Guard
from chainrule.lab.playground import api as playground
from chainrule.lab.targets import Faulty, fault_of
from chainrule.lab.work import Workers
from chainrule.view.page import style

_HERE = Path(__file__).parent
_STATIC = {"/static/view": _HERE.parent / "view" / "static", "/static": _HERE / "static"}

Answer = Callable[[Mapping[str, Any]], Any]


def application(*, token: str, port: int, stop: Callable[[], None] = lambda: None) -> Guard:
    """Return the whole lab behind its guard.

    Parameters
    ----------
    token : str
    port : int
        Where it listens: part of the hosts that it answers to.
    stop : callable
        Ends the server.
    """
    workers = Workers()
    routes: list[BaseRoute] = [
        Route("/", _page, methods=["GET"]),
        Route("/api/stop", _stopping(stop), methods=["POST"]),
        *(_route(name, answer, workers) for name, answer in answers.ANSWERS.items()),
        *playground.routes,
        Route("/static/view/view.css", _style, methods=["GET"]),
        *(
            Mount(path, StaticFiles(directory=folder))
            for path, folder in _STATIC.items()
            if folder.is_dir()
        ),
    ]
    handlers: Mapping[Any, Any] = {
        Refusal: _refused, Faulty: _faulty, ChainruleError: _error, 404: _unknown, 405: _unknown,
        500: _failed,
    }  # fmt: skip

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            workers.close()
            apart.close()
            playground.runs.close()

    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)
    return Guard(app, token=token, port=port)


def _route(name: str, answer: Answer, workers: Workers) -> Route:
    """Make a route of a function from what was sent to what is answered."""

    async def endpoint(request: Request) -> Response:
        asked = parse(await request.body()) if request.method == "POST" else {}
        found = await workers.run(answer, asked)
        return found if isinstance(found, Response) else JSONResponse(found)

    method = "GET" if name in answers.WITHOUT_STATE else "POST"
    return Route(f"/api/{name}", endpoint, methods=[method], name=name)


async def _page(request: Request) -> Response:
    return FileResponse(_HERE / "static" / "index.html")


async def _style(request: Request) -> Response:
    return Response(style(), media_type="text/css")  # its parts in one


def _stopping(stop: Callable[[], None]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        stop()
        return JSONResponse({"stopped": True})

    return endpoint


# -- what went wrong -------------------------------------------------------------------------


async def _refused(request: Request, error: Refusal) -> Response:
    return _errors([{"field": "", "message": error.message}], error.status)


async def _faulty(request: Request, error: Faulty) -> Response:
    # The request was right; that what somebody types is not yet right is an answer to it.
    return _errors([fault.plain() for fault in error.faults], 200)


async def _error(request: Request, error: ChainruleError) -> Response:
    return _errors([fault_of(error, "").plain()], 200)


async def _unknown(request: Request, error: Exception) -> Response:
    return _errors(
        [{"field": "", "message": "There is nothing here."}], getattr(error, "status_code", 404)
    )


async def _failed(request: Request, error: Exception) -> Response:
    message = f"The lab failed at this, which is a defect of chainrule: {type(error).__name__}."
    return _errors([{"field": "", "message": message}], 500)


def _errors(errors: list[dict[str, Any]], status: int) -> Response:
    return JSONResponse({"errors": errors}, status)
