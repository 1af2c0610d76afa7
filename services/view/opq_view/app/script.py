"""The site as Streamlit runs it: once from top to bottom for every visitor and every change."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from opq_view.components.access import freeze_imports
from opq_view.components.links import Links
from opq_view.components.notices import survives_absence
from opq_view.pages import event, events, overview

_HERE = Path(__file__).parent
# A file of ours: an icon by name would be fetched from another site by every visitor's browser.
_LOGO = str(_HERE / "logo.svg")
_ABOUT = "**Open Power Quality**: the quality of mains electricity, measured by many cheap sensors."


def make_links() -> Links:
    """Make the pages of the site."""

    def draw(show: Callable[[Links], None]) -> Callable[[], None]:
        return survives_absence(lambda: show(links))

    links = Links(
        st.Page(draw(overview.show), title="Overview", icon=":material/monitoring:", default=True),
        st.Page(draw(events.show), title="Events", icon=":material/list:", url_path="events"),
        st.Page(draw(event.show), title="Event", icon=":material/bolt:", url_path="event", visibility="hidden"),
    )
    return links


def main() -> None:
    """Draw the page that the address names."""
    st.set_page_config("Open Power Quality", _LOGO, layout="wide", menu_items={"About": _ABOUT})
    st.html(_HERE / "site.css")
    st.logo(_LOGO, size="large")
    freeze_imports()
    links = make_links()
    st.navigation([links.overview, links.events, links.event], position="top").run()


if __name__ == "__main__":
    main()
