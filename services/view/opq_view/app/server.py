"""The web server: Streamlit's own, with the pages beside it where people sign in and out, and the API."""

from pathlib import Path

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from streamlit.starlette import App

from opq.store import Store
from opq_view.api.routes import api_routes
from opq_view.opened import opened_store
from opq_view.settings import ViewSettings
from opq_view.sign_in.routes import sign_in_routes

_settings = ViewSettings()


def _opened() -> Store:
    return opened_store(_settings.store)


app = App(
    Path(__file__).with_name("script.py"),
    middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_settings.names)],
    routes=[*sign_in_routes(_settings, _opened), *api_routes(_settings, _opened)],
)
