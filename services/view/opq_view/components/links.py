"""The pages of the site and the links between them."""

from dataclasses import dataclass

import streamlit as st

from opq.ids import EventId

EVENT_PARAMETER = "event"


@dataclass(frozen=True, slots=True)
class Links:
    """Where to go; links open in the same tab and can be copied."""

    overview: st.Page
    events: st.Page
    event: st.Page

    def to_event(self, event_id: EventId, label: str, icon: str | None = None) -> None:
        """Draw a link to the page of an event."""
        st.page_link(self.event, label=label, icon=icon, query_params={EVENT_PARAMETER: event_id})

    def to_events(self, label: str) -> None:
        """Draw a link to the list of events."""
        st.page_link(self.events, label=label, icon=":material/list:")
