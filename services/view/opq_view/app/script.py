"""The site as Streamlit runs it: once from top to bottom for every visitor and every change."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from opq.trust.policy import Right
from opq_view.components import access
from opq_view.components.links import Links
from opq_view.components.notices import empty, survives_absence
from opq_view.pages import account, administration, event, events, overview

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
        st.Page(draw(account.show), title="Account", icon=":material/person:", url_path="account"),
        st.Page(
            draw(administration.show), title="Administration", icon=":material/settings:", url_path="administration"
        ),
    )
    return links


def main() -> None:
    """Draw the page that the address names."""
    st.set_page_config("Open Power Quality", _LOGO, layout="wide", menu_items={"About": _ABOUT})
    st.html(_HERE / "site.css")
    st.logo(_LOGO, size="large")
    access.freeze_imports()
    survives_absence(_page)()


def _page() -> None:
    who, links = access.visitor(), make_links()
    pages = [links.overview, links.events, links.event]
    if access.signed_in():
        pages.append(links.account)
    if who.may(Right.ADMINISTER):
        pages.append(links.administration)
    chosen = st.navigation(pages, position="top")
    if access.asks_who_you_are() and not access.signed_in():
        st.html('<p class="opq-sign-in"><a href="/sign-in" target="_self">Sign in</a></p>')
    if not who.may(Right.SITE):
        st.title("Open Power Quality")
        empty("This site is for those who are signed in.")
        return
    chosen.run()


if __name__ == "__main__":
    main()
