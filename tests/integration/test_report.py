"""The report of `opq analyze --html` in a real browser, from the file: drawn, readable, alone, and safe."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from opq.formats import Recording, write_recordings
from opq.formats.recording import Channel
from opq.model.boxes import Nominal
from opq.testing.waves import Impulse, Step, Wave

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
EU = Nominal(230, 50)
EVIL = "<script>window.owned=1</script><img src=x onerror='window.owned=2'>\"&"
TICK_NS = 2_800_000 * 600_000_000_000
WIDE, PHONE = (1280, 900), (390, 844)
LOOKS = pytest.mark.parametrize(
    ("scheme", "size"), [("light", WIDE), ("dark", WIDE), ("light", PHONE), ("dark", PHONE)], ids=lambda each: str(each)
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An eventful minute, ten quiet minutes with a bad name, and two files that cannot be read."""
    folder = tmp_path_factory.mktemp("report")
    busy = Wave(
        EU, harmonics={3: 2, 5: 3}, noise_v=0.1, impulses=[Impulse(15.003, 0.0004, 200)],
        steps=[Step(10, 10.4, 0.4), Step(20, 20.2, 0.0), Step(30, 33, 1.25), Step(40, 99, 0.94)],
    )  # fmt: skip
    write_recordings(folder / "busy.parquet", [recording("mains", busy, 50, 4000)])
    write_recordings(folder / "quiet.parquet", [recording(EVIL, Wave(EU, noise_v=0.1, harmonics={5: 7}), 601, 1000)])
    command = [
        sys.executable,
        "-c",
        "from opq_cli.main import main; main()",
        "analyze",
        "busy.parquet",
        "quiet.parquet",
    ]
    command += [f"no<i>{'x' * 200}.csv", "no.wav", "--html", "report.html"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=100, check=False, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\nreport: report.html\n")
    assert not list(folder.glob(".*"))
    return folder / "report.html"


def recording(name: str, wave: Wave, seconds: float, rate: float) -> Any:
    return Recording("made up", rate, (Channel(name, "V", wave.volts(seconds, rate)),), TICK_NS).stored()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        # As for the pages: CI demands the browser, and then its absence is a failure (docs/testing.md).
        demanded = "browser" in os.environ.get("OPQ_DEMAND", "").split(",")
        (pytest.fail if demanded else pytest.skip)("no chromium found; install it with: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


class Opened:
    """The report in a window without a network, with what went wrong and what it asked for."""

    def __init__(self, browser: Browser, report: Path, scheme: Any = "light", size: tuple[int, int] = WIDE) -> None:
        self.context = browser.new_context(color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda message: self.wrong.append(message.text) if message.type == "error" else None)
        self.page.route("**/*", self._route)
        self.page.goto(report.as_uri())
        self.page.wait_for_selector(".js-plotly-plot .main-svg")

    def _route(self, route: Route) -> None:
        url = route.request.url
        if url.startswith("file://"):
            route.continue_()
        else:
            self.asked.append(url)
            route.abort()

    def draw_all(self) -> int:
        """Draw every chart, as a printer does, and return how many there are."""
        self.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        self.page.wait_for_function("Object.keys(charts).every((name) => document.querySelector(`#${name} .main-svg`))")
        return int(self.page.evaluate("Object.keys(charts).length"))

    def __enter__(self) -> "Opened":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


@LOOKS
def test_every_chart_is_drawn_without_errors_or_a_network_and_nothing_is_wider_than_the_window(
    browser: Browser, report: Path, scheme: str, size: tuple[int, int]
) -> None:
    with Opened(browser, report, scheme, size) as opened:
        assert opened.draw_all() >= 9
        assert (opened.wrong, opened.asked) == ([], [])
        width = opened.page.evaluate("document.documentElement.scrollWidth")
        assert width <= size[0]
        beyond = opened.page.evaluate(
            "[...document.querySelectorAll('.js-plotly-plot')]"
            ".filter((e) => e.getBoundingClientRect().right > innerWidth + 1).length"
        )
        assert beyond == 0


_CONTRASTS = """() => {
  const channel = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length && (c.length < 4 || c[3] > 0)) return c; } return [255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll('h1, h2, h3, p, dt, dd, th, td, a, span, code, .js-plotly-plot text')) {
    if (!e.textContent.trim() || !e.getClientRects().length) continue;
    const style = getComputedStyle(e);
    const front = light(parse(e.tagName === 'text' ? style.fill : style.color)), back = light(behind(e.parentElement));
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (ratio < 4.5) found.push(`${e.tagName} ${e.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(browser: Browser, report: Path, scheme: str) -> None:
    with Opened(browser, report, scheme) as opened:
        opened.draw_all()
        assert opened.page.evaluate(_CONTRASTS) == []


def test_what_is_in_files_is_text_and_nothing_else(browser: Browser, report: Path) -> None:
    with Opened(browser, report) as opened:
        opened.draw_all()
        assert opened.page.evaluate("window.owned") is None
        assert opened.page.locator("img, i").count() == 0
        assert EVIL in opened.page.locator("h2").nth(1).inner_text()
        assert f"no<i>{'x' * 200}.csv: no such file" in opened.page.locator("section").last.inner_text()
    assert EVIL not in report.read_text("utf-8")


def test_tables_say_what_happened_and_what_the_standards_say(browser: Browser, report: Path) -> None:
    with Opened(browser, report) as opened:
        first, second = opened.page.locator("section").nth(0), opened.page.locator("section").nth(1)
        words = first.inner_text()
        for name in (
            "VOLTAGE_SAG",
            "VOLTAGE_INTERRUPTION",
            "VOLTAGE_SWELL",
            "RAPID_VOLTAGE_CHANGE",
            "IMPULSIVE_TRANSIENT",
        ):
            assert name in words
        verdicts = second.inner_text()
        assert "EN 50160: not passed: harmonic 5 (indicative: less than a week)" in verdicts
        assert "IEEE 519-2022: not passed" in verdicts
        assert second.locator("td.failed").count() >= 2
        assert second.locator("td.passed").count() > 20


def test_charts_are_drawn_when_they_come_into_view(browser: Browser, report: Path) -> None:
    with Opened(browser, report) as opened:
        last = opened.page.locator("figure > div[id]").last
        assert last.locator(".main-svg").count() == 0
        last.scroll_into_view_if_needed()
        last.locator(".main-svg").first.wait_for()
        assert opened.wrong == []


def test_paper_has_every_chart(browser: Browser, report: Path, tmp_path: Path) -> None:
    with Opened(browser, report) as opened:
        opened.page.pdf(path=tmp_path / "report.pdf")
        assert opened.wrong == []
    pages = len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "report.pdf").read_bytes()))
    assert 3 <= pages <= 20


def test_the_file_holds_everything_itself(report: Path) -> None:
    page = report.read_text("utf-8")
    assert not re.search(r'<(script|link|img|iframe)[^>]*\s(src|href)\s*=\s*["\']?(https?:)?//', page)
    assert page.count("<section") == 3
