"""What is believed of a request to a plain page."""

from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request

from opq.errors import Forbidden, InvalidInput, LimitExceeded

MOST_BYTES = 8192
_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 10


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form that one of our own pages sent.

    Raises
    ------
    Forbidden
        If another site made the browser send it.
    LimitExceeded, InvalidInput
        If it is too long, or no form.
    """
    _check_origin(request)
    if request.headers.get("content-type", "").partition(";")[0].strip() != _FORM:
        raise InvalidInput(f"got another kind of request, expected {_FORM}")
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise LimitExceeded(f"got more than {MOST_BYTES} bytes, expected a few words")
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise LimitExceeded(f"got more than {_MOST_FIELDS} fields, expected a few") from None
    return {name: values[0] for name, values in fields.items()}


def _check_origin(request: Request) -> None:
    """Refuse what a browser says comes from elsewhere; what is no browser has no cookie of somebody else's."""
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    foreign = origin is not None and urlsplit(origin).netloc != host
    if foreign or request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise Forbidden("this was sent from another site; open the page here and try again")


def address_of(request: Request, proxies: int) -> str:
    """Return where a request comes from, past so many proxies that are ours."""
    seen = request.client.host if request.client else "unknown"
    told = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",") if part.strip()]
    return told[-proxies] if 0 < proxies <= len(told) else seen


def way_back(text: str) -> str:
    """Return the page of this site to go to afterwards; the front page for everything else."""
    local = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if local and len(text) <= 500 else "/"
