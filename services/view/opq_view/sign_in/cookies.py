"""The cookie of a session."""

from opq.trust.users import SESSION_LIFE_NS
from opq_view.settings import ViewSettings


def cookie_name(settings: ViewSettings) -> str:
    """Return its name; the prefix lets browsers take it only from this host, over https."""
    return "__Host-opq-session" if settings.secure else "opq-session"


def cookie(settings: ViewSettings, text: str) -> dict[str, object]:
    """Return what sets it: out of reach for scripts and for requests that other sites make."""
    return {
        "key": cookie_name(settings),
        "value": text,
        "max_age": SESSION_LIFE_NS // 10**9,
        "path": "/",
        "secure": settings.secure,
        "httponly": True,
        "samesite": "strict",
    }
