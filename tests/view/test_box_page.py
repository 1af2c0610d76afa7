"""The page of a box in a real browser: readable in light, dark and on a phone, fresh by itself, and usable by keyboard."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from opq.testing.processes import Processes, eventually, free_address
from opq_box_agent.status.command import ask
from opq_box_agent.status.password import set_password

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
PASSWORD = "correct horse battery"
Scheme = Literal["light", "dark"]
_CONTRAST = """() => {
  const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const paper = e => { for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  return [...document.querySelectorAll("main *, header")].filter(e => [...e.childNodes].some(n =>
    n.nodeType === 3 && n.textContent.trim())).map(e => { const both = [light(numbers(getComputedStyle(e).color)),
    light(paper(e))].sort((a, b) => b - a); return [e.textContent.trim(), (both[0] + 0.05) / (both[1] + 0.05)]; });
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("box")
    set_password(folder / "kitchen", PASSWORD)
    at = free_address()
    with Processes(folder) as processes:
        options = ["--box-id", "kitchen", "--data-dir", str(folder), "--ring-s", "5", "--ingest", "127.0.0.1:9"]
        processes.start("box", *options, "--page", at)
        eventually(lambda: (folder / "kitchen" / "page.json").exists(), "there is a page")
        eventually(lambda: '"live": null' not in ask(folder / "kitchen"), "it measures")
        yield f"http://{at}"


def look(browser: Browser, scheme: Scheme, width: int, errors: list[str]) -> Page:
    page = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 844}).new_page()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return page


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_reads_well_in_light_and_dark_and_at_every_width(
    browser: Browser, address: str, scheme: Scheme, width: int, tmp_path: Path
) -> None:
    errors: list[str] = []
    page = look(browser, scheme, width, errors)
    for path, title in (("/", "Box kitchen"), ("/sign-in", "Sign in")):
        page.goto(address + path)
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing is beside the page"
        weak = [(text, ratio) for text, ratio in page.evaluate(_CONTRAST) if ratio < 4.5]
        assert weak == []
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
        page.screenshot(path=tmp_path / f"box-{title.replace(' ', '-')}-{scheme}-{width}.png", full_page=True)
    assert errors == []
    page.context.close()


def test_it_keeps_itself_fresh_and_is_used_by_keyboard_alone(browser: Browser, address: str) -> None:
    errors: list[str] = []
    page = look(browser, "light", 1280, errors)
    page.goto(address)
    before = page.locator("#live time").get_attribute("datetime")
    expect(page.locator("#live time")).not_to_have_attribute("datetime", str(before), timeout=15_000)
    expect(page.get_by_role("row", name="link look at it")).to_contain_text("no connection with 127.0.0.1:9")
    page.get_by_role("link", name="Sign in to change settings").press("Enter")
    expect(page.get_by_label("Password of this box")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Settings").press("Enter")
    field = page.get_by_label("Space for frames that wait for the network [MB]")
    field.fill("0")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("greater than or equal to 1")
    field = page.get_by_label("Space for frames that wait for the network [MB]")
    expect(field).to_have_value("0")
    field.fill("64")
    field.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Box kitchen")
    page.get_by_role("link", name="Settings").press("Enter")
    expect(page.get_by_label("Space for frames that wait for the network [MB]")).to_have_value("64")
    page.get_by_role("button", name="Sign out").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto(f"{address}/settings")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert [error for error in errors if "422" not in error] == []
    page.context.close()
