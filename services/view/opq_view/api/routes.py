"""``/api/v1/...``: who asks is his token; what he gets is what the token may read."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opq.errors import Forbidden, InvalidInput, NotFound, OpqError, Unauthenticated, Unavailable
from opq.store import Store
from opq.store.reading import Reader
from opq.store.users import Users
from opq.trust.policy import LOCAL, Principal
from opq_view.api import answers
from opq_view.settings import ViewSettings

_AT_ONCE = 4
"""Questions that are answered at the same time; others wait."""
_BEARER = "bearer "
_STATUS: dict[type[OpqError], int] = {
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Unavailable: 503,
    InvalidInput: 400,
}
_ANSWERS: dict[str, answers.Answer] = {
    "/api/v1/grids": answers.grids,
    "/api/v1/boxes": answers.boxes,
    "/api/v1/boxes/{box_id}/measurements": answers.measurements,
    "/api/v1/boxes/{box_id}/trends": answers.trends,
    "/api/v1/events": answers.events,
    "/api/v1/events/{event_id}": answers.event,
    "/api/v1/incidents": answers.incidents,
    "/api/v1/waveforms/{acquisition_id}": answers.waveform,
}


def api_routes(settings: ViewSettings, opened: Callable[[], Store]) -> list[Route]:
    """Make the routes of the API.

    Parameters
    ----------
    opened : callable
        Returns the open store; may block.
    """
    at_once = asyncio.Semaphore(_AT_ONCE)
    log = structlog.get_logger()

    def asker(request: Request, store: Store) -> Principal:
        if not settings.asks:
            return LOCAL
        header = request.headers.get("authorization", "")
        if not header.lower().startswith(_BEARER):
            raise Unauthenticated("got no API token, expected the header: Authorization: Bearer opqt_...")
        return Users(store).token_principal(header[len(_BEARER) :].strip(), time.time_ns())

    def answered(request: Request, answer: answers.Answer) -> bytes:
        store = opened()
        reader = Reader(store, asker(request, store))
        return _json({"data": answer(reader, {**request.query_params, **request.path_params})})

    def endpoint(answer: answers.Answer) -> Callable[[Request], Any]:
        async def ask(request: Request) -> Response:
            async with at_once:
                try:
                    return _response(await asyncio.to_thread(answered, request, answer), 200)
                except OpqError as error:
                    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
                    if status >= 500:
                        log.warning("question not answered", path=request.url.path, reason=str(error))
                    text = "the store does not answer just now; ask again" if status == 503 else str(error)
                    return _response(_json({"error": text}), status)

        return ask

    return [Route(path, endpoint(answer), methods=["GET"]) for path, answer in _ANSWERS.items()]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _response(body: bytes, status: int) -> Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(body, status, headers, "application/json")
