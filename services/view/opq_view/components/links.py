"""The pages of the site and the links between them."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from opq.ids import EventId
from opq_view.components.access import signed_in

EVENT_PARAMETER = "event"
_LIST = "list of events"
_EVENT = "last event"


@dataclass(frozen=True, slots=True)
class Links:
    """Where to go; links open in the same tab and can be copied."""

    overview: st.Page
    events: st.Page
    event: st.Page
    account: st.Page
    administration: st.Page

    def how_to_see_more(self) -> str:
        """Say what somebody can do who does not see what he looks for."""
        if signed_in():
            return "Ask an administrator of the site if one of them is yours."
        return "Sign in at the top of the page if you have a box here."

    def to_event(self, event_id: EventId, label: str, icon: str | None = None) -> None:
        """Draw a link to the page of an event."""
        st.page_link(self.event, label=label, icon=icon, query_params={EVENT_PARAMETER: event_id})

    def to_events(self, label: str) -> None:
        """Draw a link to the list of events, as the reader left it."""
        st.page_link(self.events, label=label, icon=":material/list:", query_params=st.session_state.get(_LIST, {}))


def remember_list() -> None:
    """Keep what the address says of the list of events, for when the reader comes back to it."""
    st.session_state[_LIST] = dict(st.query_params)


def restore_list() -> None:
    """Put the address of the list right after the browser's way back.

    Streamlit then keeps the parameters of the page that was left, and with them forgets the filters.
    """
    if EVENT_PARAMETER in st.query_params:
        _go_on_with(st.session_state.get(_LIST, {}))


def named_event() -> str:
    """Return the event that the address names, or after the browser's way back the last one looked at; else empty."""
    if EVENT_PARAMETER in st.query_params:
        st.session_state[_EVENT] = st.query_params[EVENT_PARAMETER]
    elif _EVENT in st.session_state:
        _go_on_with({EVENT_PARAMETER: st.session_state[_EVENT]})
    return st.query_params.get(EVENT_PARAMETER, "")


def _go_on_with(parameters: Mapping[str, str]) -> None:
    st.query_params.from_dict(parameters)
    st.rerun()
