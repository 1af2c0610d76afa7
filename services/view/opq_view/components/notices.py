"""What a page says when there is nothing to show, or when the store is away."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from functools import wraps

import streamlit as st
import structlog

from opq.errors import Unavailable

_AGAIN = timedelta(seconds=3)


def empty(text: str) -> None:
    """Say what is not there and what to do next."""
    st.info(text, icon=":material/lightbulb:")


def renew_later() -> None:
    """Run the whole page again in a few seconds."""
    runs = itertools.count()

    @st.fragment(run_every=_AGAIN)
    def again() -> None:
        # The first run is the one in which the page itself is drawn.
        if next(runs):
            st.rerun()

    again()


def store_away(error: Unavailable) -> None:
    """Say that the store does not answer."""
    structlog.get_logger().warning("store does not answer", error=str(error))
    st.error(
        "**The store does not answer just now.** Nothing that was recorded is lost by that. "
        "This page looks again every few seconds and goes on by itself.",
        icon=":material/cloud_off:",
    )


def survives_absence(draw: Callable[[], None]) -> Callable[[], None]:
    """Make of a page one that says so while the store does not answer, and looks again."""

    @wraps(draw)
    def guarded() -> None:
        try:
            draw()
        except Unavailable as error:
            store_away(error)
            renew_later()

    return guarded
