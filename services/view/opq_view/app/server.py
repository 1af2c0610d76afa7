"""The web server: Streamlit's own, with the pages beside it where people sign in and out."""

from pathlib import Path

from streamlit.starlette import App

from opq_view.settings import ViewSettings
from opq_view.sign_in.routes import sign_in_routes

app = App(Path(__file__).with_name("script.py"), routes=sign_in_routes(ViewSettings()))
