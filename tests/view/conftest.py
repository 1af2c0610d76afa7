"""A filled store behind the pages, and a browser to look at them with."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from playwright.sync_api import Browser, sync_playwright

from opq.store import Store, open_store
from opq.testing.site import Site, fill_site

DEMAND_VARIABLE = "OPQ_DEMAND"
"""Names, separated by commas, of what must be there: its tests then fail where they would skip."""
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync"]  # fmt: skip
HOW_TO_GET_CHROMIUM = "no chromium found; install it with: apt-get install chromium"


def demand(what: str, how_to_get_it: str) -> None:
    """Skip because something is missing; fail if it was demanded."""
    if what in os.environ.get(DEMAND_VARIABLE, "").split(","):
        pytest.fail(f"{how_to_get_it} ({DEMAND_VARIABLE} demands {what})", pytrace=False)
    pytest.skip(how_to_get_it)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        demand("browser", HOW_TO_GET_CHROMIUM)
    return str(found)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store that the pages read."""
    st.cache_resource.clear()
    url = f"sqlite:{tmp_path / 'store'}"
    monkeypatch.setenv("OPQ_STORE", url)
    opened = open_store(url)
    yield opened
    opened.close()
    st.cache_resource.clear()


@pytest.fixture
def site(store: Store) -> Site:
    """The sample site, measured up to this moment."""
    return fill_site(store, time.time_ns())
