"""One event, at an address that can be shared: what happened, how it was judged, and the recorded voltage."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import streamlit as st

from opq.clock import NS
from opq.errors import CorruptData, NotFound
from opq.ids import BoxId, EventId
from opq.model.boxes import Box, Nominal
from opq.model.events import AcquisitionState, Event, EventState
from opq.model.incidents import Incident
from opq.model.waveforms import WaveformInfo
from opq.store.reading import MOST_INCIDENTS, EventRecord
from opq_view.charts.chart import names
from opq_view.charts.features import FeatureRecord, feature_chart
from opq_view.charts.rms import RmsRecord, rms_chart
from opq_view.charts.waveforms import Recording, TimeFrame, waveform_chart
from opq_view.components import access
from opq_view.components.links import Links, named_event
from opq_view.components.notices import empty, renew_later
from opq_view.components.recordings import by_box, recorded_segments, rms_series, window_series
from opq_view.components.show import show_chart, show_tiles
from opq_view.components.tables import acquisitions_table, evidence_tables, incidents_table, parts_table
from opq_view.components.wording import (
    CLASS_WORDS,
    EVENT_STATE_WORDS,
    EXTENT_WORDS,
    counted,
    plain,
    reason_text,
    seconds_text,
    utc,
)

MOST_CHARTED = 8
"""Boxes whose curves are drawn at once; more are chosen by the reader."""
_LEAD_S = 0.1
_FIRST_LOOK_S = 0.6
"""What of a long record the waveform chart begins with; 30 cycles are still told apart."""
_SETTLES_NS = 20 * NS
"""Incidents of an event are there by this long after it is complete."""
_Infos = Mapping[BoxId, Sequence[WaveformInfo]]
"""Waveforms by box."""


def show(links: Links) -> None:
    """Draw the event that the address names."""
    event_id = named_event()
    record = access.event_record(EventId(event_id)) if event_id else None
    if record is None:
        st.title("Event")
        _unknown(event_id)
        links.to_events("All events")
        return
    boxes = access.site_boxes().boxes
    links.to_events("All events")
    _header(record, links)
    _incidents(record)
    if boxes:
        _curves(record, boxes)
        st.subheader("Boxes in this event", anchor="boxes")
        parts_table(record.parts, boxes)
        _acquisitions(record)
    else:
        empty(
            f"Which boxes these were and what they recorded is shown to owners and experts. {links.how_to_see_more()}"
        )
    event = record.event
    if event.state is not EventState.COMPLETE or time.time_ns() - event.completed_unix_ns < _SETTLES_NS:
        st.caption("More of this event may be on its way; this page renews itself.")
        renew_later()


def _unknown(event_id: str) -> None:
    if event_id:
        st.warning(
            f"There is no event **{plain(event_id[:80])}** in the store. It may have been removed when it grew old, "
            "or the address was not copied whole.",
            icon=":material/search_off:",
        )
    else:
        empty("An event is shown here when you choose one from the list.")


def _header(record: EventRecord, links: Links) -> None:
    event = record.event
    st.title(_heading(record.incidents))
    st.markdown(f"**{utc(event.start_unix_ns)}** to {utc(event.end_unix_ns)} · grid {event.grid_id}")
    stored = sum(acquisition.state is AcquisitionState.STORED for acquisition in record.acquisitions)
    show_tiles(
        [
            ("Duration", seconds_text(_seconds(event)), "from first to last trigger"),
            ("Extent", EXTENT_WORDS[event.extent], plain(event.extent_reason) or "not judged yet"),
            ("Waveforms", f"{stored} of {len(record.acquisitions)}", "of those asked for"),
            ("State", EVENT_STATE_WORDS[event.state], _state_note(event)),
        ]
    )
    if event.opened_by:
        st.caption(f"Opened by {plain(reason_text(event.opened_by))}.")
    if event.continues:
        links.to_event(event.continues, "Continues the event before it", ":material/arrow_back:")


def _heading(incidents: Sequence[Incident]) -> str:
    """Name an event after the class found most often in it."""
    if not incidents:
        return "Event"
    classes = [incident.finding.incident_class for incident in incidents]
    most = max(dict.fromkeys(classes), key=classes.count)
    boxes = {incident.finding.box_id for incident in incidents if incident.finding.incident_class is most}
    return f"{CLASS_WORDS[most]} at {counted(len(boxes), 'box')}"


def _state_note(event: Event) -> str:
    if event.revision:
        return f"revised {counted(event.revision, 'time')}"
    if event.state is EventState.COMPLETE and event.completed_unix_ns:
        return f"{seconds_text((event.completed_unix_ns - event.end_unix_ns) / NS)} after its end"
    return "may still grow" if event.state is EventState.OPEN else "quiet again"


def _incidents(record: EventRecord) -> None:
    st.subheader("Incidents", anchor="incidents")
    if not record.incidents:
        if record.event.state is EventState.COMPLETE:
            empty("No disturbance in the recorded voltage was outside of a standard's limits.")
        else:
            empty("Nothing is judged yet: that is done when all waveforms are stored or known to be missing.")
        return
    incidents_table(sorted(record.incidents, key=lambda incident: incident.finding.box_id))
    if len(record.incidents) == MOST_INCIDENTS:
        st.caption(f"The newest {MOST_INCIDENTS} are shown.")
    with st.expander("Evidence: the numbers behind each decision", icon=":material/fact_check:"):
        evidence_tables(record.incidents)


def _curves(record: EventRecord, boxes: Mapping[BoxId, Box]) -> None:
    infos = by_box(record.waveforms)
    if not infos:
        st.subheader("Voltage", anchor="voltage")
        empty(_why_no_waveforms(record))
        return
    drawn = {box_id: infos[box_id] for box_id in _chosen_boxes(record, list(infos))}
    unknown = [box_id for box_id in drawn if box_id not in boxes]
    if unknown:
        st.caption(
            f"No longer enrolled: {names(unknown)}. The declared voltage, which is 1 pu, is not known, so only the "
            "waveform is drawn."
        )
    nominals = {box_id: boxes[box_id].nominal for box_id in drawn if box_id in boxes}
    for name, title in _features_of(record):
        st.subheader(title, anchor=name)
        _feature(record.event, drawn, nominals, name)
    st.subheader("Half-cycle rms voltage", anchor="rms")
    _rms(record.event, drawn, nominals)
    st.subheader("Waveforms", anchor="waveforms")
    _waveforms(record.event, drawn)


def _why_no_waveforms(record: EventRecord) -> str:
    states = {acquisition.state for acquisition in record.acquisitions}
    if not states:
        return "No waveform was asked for, so there is no curve to show. The tables say what the boxes measured."
    if states == {AcquisitionState.MISSING}:
        return "None of the waveforms asked for could be had; the table at the end of this page says why for each box."
    if AcquisitionState.REQUESTED in states:
        return "Waveforms have been asked for; curves appear here when the first has come."
    return "The waveforms of this event are no longer in the store."


def _chosen_boxes(record: EventRecord, recorded: list[BoxId]) -> list[BoxId]:
    """Return the boxes to draw: all if they are few, else those with incidents first, and the reader may choose."""
    if len(recorded) <= MOST_CHARTED:
        return recorded
    hit = {incident.finding.box_id for incident in record.incidents}
    first = sorted(recorded, key=lambda box_id: (box_id not in hit, box_id))[:MOST_CHARTED]
    return st.multiselect(
        f"Boxes to draw, {MOST_CHARTED} at most of {len(recorded)}",
        recorded,
        sorted(first),
        max_selections=MOST_CHARTED,
        key="drawn",
    )


def _features_of(record: EventRecord) -> list[tuple[str, str]]:
    """Return (feature, title) of what the event is about beside voltage: what a trigger or an incident speaks of."""
    told = " ".join([record.event.opened_by, *(reason for part in record.parts for reason in part.reasons)])
    told += " ".join(incident.finding.incident_class.value for incident in record.incidents)
    about = [("f_hz", "Frequency", ("f_hz", "FREQUENCY")), ("thd_pct", "Distortion", ("thd_pct", "EXCESSIVE_THD"))]
    return [(name, title) for name, title, words in about if any(word in told for word in words)]


def _feature(event: Event, infos: _Infos, nominals: Mapping[BoxId, Nominal], name: str) -> None:
    records = []
    for box_id, nominal in nominals.items():
        with suppress(CorruptData, NotFound):
            records.append(FeatureRecord(box_id, window_series(infos[box_id], nominal)))
    show_chart(feature_chart(records, name, event.start_unix_ns, _seconds(event)), name)


def _rms(event: Event, infos: _Infos, nominals: Mapping[BoxId, Nominal]) -> None:
    records = []
    for box_id, nominal in nominals.items():
        with suppress(CorruptData, NotFound):
            records.append(RmsRecord(box_id, nominal.u_din_v, rms_series(infos[box_id], nominal)))
    show_chart(rms_chart(records, event.start_unix_ns, _seconds(event)), "rms")


def _waveforms(event: Event, infos: _Infos) -> None:
    recordings = []
    for box_id, mine in infos.items():
        try:
            recordings.append(Recording(box_id, recorded_segments(mine)))
        except (CorruptData, NotFound):
            st.warning(
                f"The stored waveform of {box_id} is damaged or gone, so it is not drawn.", icon=":material/warning:"
            )
    pieces = [piece for recording in recordings for piece in recording.pieces]
    if not pieces:
        return
    begin_s = (min(piece.start_unix_ns for piece in pieces) - event.start_unix_ns) / NS
    end_s = (max(piece.end_unix_ns for piece in pieces) - event.start_unix_ns) / NS
    event_s = _seconds(event)

    @st.fragment
    def zoomable() -> None:
        from_s, to_s = _part(begin_s, end_s, event_s)
        show_chart(waveform_chart(recordings, TimeFrame(event.start_unix_ns, event_s, from_s, to_s)), "waveforms")

    zoomable()


def _part(begin_s: float, end_s: float, event_s: float) -> tuple[float, float]:
    """Let the reader choose what of the record is drawn [s]; the narrower, the finer."""
    low, high = round(begin_s, 2), round(end_s, 2)
    first = max(low, -_LEAD_S)
    last = min(high, max(event_s + _LEAD_S, first + 2 * _LEAD_S), first + _FIRST_LOOK_S)
    part: tuple[float, float] = st.slider(
        "Part of the record [s after the start of the event]; drag on the chart to zoom further",
        low,
        high,
        (round(first, 2), round(last, 2)),
        0.01,
        key="part",
    )
    return part


def _seconds(event: Event) -> float:
    """Return how long an event was [s]."""
    return (event.end_unix_ns - event.start_unix_ns) / NS


def _acquisitions(record: EventRecord) -> None:
    st.subheader("Waveforms asked for", anchor="acquisitions")
    if record.acquisitions:
        acquisitions_table(record.acquisitions, record.waveforms)
    else:
        empty("No waveform was asked for in this event.")
