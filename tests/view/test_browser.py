"""The pages in a real browser, served by the real process: what a person sees."""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from opq.store import open_store
from opq.testing.processes import Processes, eventually, free_address
from opq.testing.site import SAG, fill_site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
_WAIT_MS = 30_000
_PHONE = {"width": 390, "height": 844}
_DESK = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("view")


@pytest.fixture(scope="module")
def processes(directory: Path) -> Iterator[Processes]:
    with Processes(directory) as started:
        yield started


@pytest.fixture(scope="module")
def address(directory: Path, processes: Processes) -> str:
    """Where the pages of a filled store are served."""
    store = open_store(f"sqlite:{directory / 'store'}")
    fill_site(store, time.time_ns())
    store.close()
    return serve(processes, "view", f"sqlite:{directory / 'store'}")


def serve(processes: Processes, name: str, store_url: str) -> str:
    host, port = free_address().split(":")
    processes.start(name, "--host", host, "--port", port, "--store", store_url, program="view")
    eventually(lambda: answers(f"http://{host}:{port}/_stcore/health"), "the pages are healthy")
    return f"http://{host}:{port}"


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


class Watched:
    """A page of a browser, with everything that went wrong in it and every other site it asked."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(_WAIT_MS)
        self.address = address
        self.errors: list[str] = []
        self.strangers: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        # Opened below its root, Streamlit's page first looks for its server beside itself, and is told 404.
        probing = "404" in message.text and "/_stcore/" in message.location.get("url", "")
        if message.type == "error" and not probing:
            self.errors.append(message.text)

    def _request(self, request: object) -> None:
        url: str = request.url  # type: ignore[attr-defined]
        if not url.startswith((self.address, "data:", "blob:")):
            self.strangers.append(url)

    def open(self, path: str, title: str) -> None:
        self.page.goto(self.address + path)
        self.titled(title)

    def titled(self, title: str) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_have_text(title, timeout=_WAIT_MS)

    def traces(self, chart: int) -> int:
        """How many lines are drawn in a chart; waits for the first."""
        plot = self.page.locator(".js-plotly-plot").nth(chart)
        plot.scroll_into_view_if_needed()
        lines = plot.locator("svg .scatterlayer .trace path.js-line")
        lines.first.wait_for(state="attached")
        return lines.count()

    def picture(self, path: Path) -> None:
        """Save the whole page, which scrolls inside of its window, as a PNG."""
        size = self.page.viewport_size or _DESK
        height = self.page.locator('[data-testid="stMain"]').evaluate("main => main.scrollHeight")
        self.page.set_viewport_size({"width": size["width"], "height": min(max(size["height"], height + 60), 8000)})
        self.page.wait_for_timeout(1000)
        self.page.screenshot(path=path)
        self.page.set_viewport_size(size)

    def nothing_wrong(self) -> None:
        assert self.page.locator('[data-testid="stException"]').count() == 0
        assert self.errors == []
        assert self.strangers == [], "a visitor's browser must ask no other site for anything"


@pytest.fixture
def watched(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Watched]:
    options = getattr(request, "param", {"viewport": _DESK})
    context = browser.new_context(**options)
    yield Watched(context, address)
    context.close()


def test_from_the_overview_to_the_list_to_an_event(watched: Watched, tmp_path: Path) -> None:
    watched.open("/", "The grid now")
    assert watched.traces(0) == 4
    assert watched.traces(1) == 1
    expect(watched.page.get_by_text("4 boxes, farthest at house-1").first).to_be_visible()
    watched.picture(tmp_path / "overview.png")

    watched.page.get_by_role("link", name="All events").click()
    watched.titled("Events")
    expect(watched.page.get_by_text("Voltage sag × 4").first).to_be_visible()
    watched.picture(tmp_path / "events.png")

    watched.page.locator('[data-testid="stPageLink"] a').first.click()
    watched.titled("Voltage sag at 4 boxes")
    assert watched.page.url == f"{watched.address}/event?event={SAG}"
    assert watched.traces(0) == 4
    assert watched.traces(1) == 4
    table = watched.page.locator('[data-testid="stTable"]').first
    expect(table).to_contain_text("0.620 pu (74.4 V)")
    expect(table).to_contain_text("ITIC no-damage region")
    watched.page.get_by_text("Evidence: the numbers behind each decision").click()
    expect(watched.page.get_by_text("begins beyond pu").first).to_be_visible()
    watched.picture(tmp_path / "event.png")
    watched.nothing_wrong()


def test_back_and_forth_between_the_list_with_its_filters_and_an_event(watched: Watched) -> None:
    watched.open("/events?extent=local", "Events")
    links = watched.page.locator('[data-testid="stPageLink"] a')
    expect(links).to_have_count(1)
    links.first.click()
    watched.titled("Voltage swell at 1 box")
    watched.page.go_back()
    watched.titled("Events")
    expect(links).to_have_count(1)
    assert "extent=local" in watched.page.url
    watched.page.go_forward()
    watched.titled("Voltage swell at 1 box")
    watched.page.get_by_role("link", name="All events").click()
    watched.titled("Events")
    expect(links).to_have_count(1)
    watched.page.go_back()
    watched.titled("Voltage swell at 1 box")
    watched.nothing_wrong()


@pytest.mark.parametrize(
    "watched",
    [
        pytest.param({"viewport": _PHONE, "is_mobile": True, "has_touch": True}, id="phone"),
        pytest.param({"viewport": _DESK, "color_scheme": "dark"}, id="dark"),
        pytest.param({"viewport": _PHONE, "color_scheme": "dark"}, id="dark phone"),
    ],
    indirect=True,
)
def test_pages_fit_phones_and_dark_screens(watched: Watched, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    for name, path, title in (
        ("overview", "/", "The grid now"),
        ("events", "/events", "Events"),
        ("event", f"/event?event={SAG}", "Voltage sag at 4 boxes"),
    ):
        watched.open(path, title)
        watched.page.locator(".js-plotly-plot svg.main-svg").first.wait_for()
        watched.picture(tmp_path / f"{name}.png")
        fits = "main => main.scrollWidth <= main.clientWidth"
        assert watched.page.locator('[data-testid="stMain"]').evaluate(fits), f"{name} is wider than the screen"
    background = watched.page.locator('[data-testid="stApp"]').evaluate("app => getComputedStyle(app).backgroundColor")
    darkness = sum(int(part) for part in background.removeprefix("rgb(").removesuffix(")").split(",")[:3])
    ink = watched.page.locator(".js-plotly-plot .xtick text").first.evaluate("text => getComputedStyle(text).fill")
    brightness = sum(int(part) for part in ink.removeprefix("rgb(").removesuffix(")").split(",")[:3])
    dark = "dark" in request.node.callspec.id
    assert (darkness < 150) == dark
    assert (brightness > 450) == dark, f"labels of charts ({ink}) follow the theme"
    watched.nothing_wrong()


def test_charts_and_tables_have_a_text_alternative(watched: Watched) -> None:
    watched.open(f"/event?event={SAG}", "Voltage sag at 4 boxes")
    watched.traces(0)
    spoken = watched.page.locator('[data-testid="stPlotlyChart"]').first.evaluate("chart => chart.outerHTML")
    assert "The rms voltage went from 0.620 pu, lowest at house-1" in spoken
    expect(watched.page.get_by_role("table", name="Incidents of this event")).to_be_visible()
    watched.nothing_wrong()


def test_the_overview_renews_itself(watched: Watched) -> None:
    watched.open("/", "The grid now")
    as_of = watched.page.get_by_text("This page renews itself")
    before = as_of.inner_text()
    expect(as_of).not_to_have_text(before, timeout=_WAIT_MS)
    watched.nothing_wrong()


def test_an_unknown_event_leads_back_to_the_list(watched: Watched) -> None:
    watched.open("/event?event=nothing-like-it", "Event")
    expect(watched.page.get_by_text("There is no event nothing-like-it in the store.")).to_be_visible()
    watched.page.get_by_role("link", name="All events").click()
    watched.titled("Events")
    watched.nothing_wrong()


def test_a_page_recovers_by_itself_when_the_store_comes_back(
    browser: Browser, processes: Processes, tmp_path: Path
) -> None:
    place = tmp_path / "later"
    place.write_text("A file where the store's directory would be.")
    watched = Watched(browser.new_context(), serve(processes, "view-away", f"sqlite:{place}"))
    watched.page.goto(watched.address)
    expect(watched.page.get_by_text("The store does not answer just now")).to_be_visible(timeout=_WAIT_MS)
    place.unlink()
    watched.titled("The grid now")
    expect(watched.page.get_by_text("No box is enrolled yet")).to_be_visible()
    assert str(place) in processes.log_text("view-away"), "the operator finds the reason in the log"
    watched.nothing_wrong()


def test_sigterm_ends_the_process_promptly_while_somebody_watches(
    browser: Browser, processes: Processes, tmp_path: Path
) -> None:
    watched = Watched(browser.new_context(), serve(processes, "view-ending", f"sqlite:{tmp_path / 'store'}"))
    watched.open("/events", "Events")  # The first that anybody asks of this process, so not by way of its front page.
    began = time.monotonic()
    os.kill(processes.pid("view-ending"), signal.SIGTERM)
    assert processes.wait("view-ending", 10) == 0
    assert time.monotonic() - began < 5
    assert "Traceback" not in processes.log_text("view-ending")
    first = json.loads(processes.log_text("view-ending").splitlines()[0])
    assert first["event"] == "serving pages"


def test_pages_without_sign_in_answer_to_names_of_this_machine_only(address: str) -> None:
    def ask(name: str) -> int:
        request = urllib.request.Request(f"{address}/api/v1/grids", headers={"Host": name})
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)

    assert ask("localhost") == ask("127.0.0.1:1234") == 200
    with pytest.raises(urllib.error.HTTPError, match="400"):
        ask("rebound.example")
