"""The grid now: what is measured at this moment, which boxes measure it, and what was found lately."""

import time
from collections.abc import Sequence

import streamlit as st

from opq.errors import Unavailable
from opq.ids import GridId
from opq.model.boxes import Box
from opq.model.grid_now import GridNow
from opq.model.incidents import Incident
from opq_view.charts.chart import Chart
from opq_view.charts.trend import BoxHistory, frequency_trend, voltage_trend
from opq_view.components import access
from opq_view.components.access import SiteBoxes
from opq_view.components.incident_groups import IncidentGroup, group_incidents
from opq_view.components.links import Links
from opq_view.components.notices import empty, store_away
from opq_view.components.show import show_chart, show_tiles
from opq_view.components.tables import boxes_table
from opq_view.components.trend_boxes import trend_boxes
from opq_view.components.wording import (
    CLASS_ICONS,
    CLASS_WORDS,
    NOTHING,
    ago,
    counted,
    duration_text,
    extreme_text,
    utc,
)

PERIOD_S = 2.0
_TREND_S = 300
_TREND_BOXES = 4
_GRIDS_CACHED = 50
_BOXES_PER_PAGE = 50
_INCIDENTS = 100
"""Newest incidents looked at; those of one event and class are one line."""
_GROUPS = 8


def show(links: Links) -> None:
    """Draw the page; its values renew themselves."""
    st.title("The grid now")
    grid_ids = [grid.grid_id for grid in access.grids()]
    chosen: GridId | None = None
    if len(grid_ids) > 1:
        chosen = st.selectbox("Grid", [None, *grid_ids], format_func=lambda grid_id: grid_id or "All grids")

    @st.fragment(run_every=PERIOD_S)
    def live() -> None:
        try:
            _live(links, chosen)
        except Unavailable as error:
            store_away(error)

    live()


def _live(links: Links, chosen: GridId | None) -> None:
    site, now = access.site_boxes(), time.time_ns()
    grids = [grid for grid in access.grids() if chosen in (None, grid.grid_id)]
    boxes = [box for box in site.boxes.values() if chosen in (None, box.grid_id)]
    if not grids:
        empty(
            "No box is enrolled yet. Run `opq up` to see a simulated site, or enrol your own with "
            "`opq boxes add`; it appears here as soon as it sends."
        )
        return
    for grid in grids:
        _grid(grid, now)
    if boxes:
        _trend([box for box in boxes if box.grid_id == boxes[0].grid_id], site, now)
    st.subheader("Latest incidents", anchor="incidents")
    _incidents(access.latest_incidents(_INCIDENTS), links, now)
    st.subheader("Boxes", anchor="boxes")
    if boxes:
        _boxes(boxes, site, now)
    else:
        empty(f"Single boxes are shown to their owners and to experts. {links.how_to_see_more()}")
    st.caption(f"As of {utc(now)}. This page renews itself every {PERIOD_S:g} s.")


def _grid(grid: GridNow, now: int) -> None:
    u_pct, thd_pct = grid.u_pct, grid.thd_pct
    show_tiles(
        [
            (
                f"Voltage, grid {grid.grid_id}",
                f"{u_pct[1]:.1f} %" if u_pct else None,
                f"{u_pct[0]:.1f} to {u_pct[2]:.1f} % of nominal" if u_pct else "no box on line",
            ),
            (
                "Frequency",
                None if grid.f_hz is None else f"{grid.f_hz:.3f} Hz",
                "no box on line" if grid.f_hz is None else "mean of its boxes",
            ),
            (
                "Distortion (THD)",
                f"{thd_pct[0]:.2f} %" if thd_pct else None,
                f"highest {thd_pct[1]:.2f} %" if thd_pct else "no box on line",
            ),
            ("Boxes on line", f"{grid.on_line} of {grid.boxes}", f"newest value {ago(grid.newest_unix_ns, now)}"),
        ]
    )


def _trend(boxes: Sequence[Box], site: SiteBoxes, now: int) -> None:
    st.subheader(f"Newest {_TREND_S // 60} minutes, grid {boxes[0].grid_id}", anchor="trend")
    chosen = trend_boxes(boxes, site.statuses, now, _TREND_BOXES)
    charts = _trend_charts(tuple(chosen))
    if charts is None:
        empty("Nothing has been measured yet. Curves appear here a second after the first box connects.")
        return
    for column, chart, key in zip(st.columns(2, gap="medium"), charts, ("voltage", "frequency"), strict=True):
        with column:
            show_chart(chart, f"trend-{key}")


@st.cache_resource(ttl=access.TTL_S, max_entries=_GRIDS_CACHED, show_spinner=False)
def _trend_charts(boxes: tuple[Box, ...]) -> tuple[Chart, Chart] | None:
    """Make both charts once for all who are watching: it takes longer than all else on the page."""
    histories = [BoxHistory(box.box_id, box.nominal, access.history(box.box_id, _TREND_S)) for box in boxes]
    measured = [history for history in histories if history.rows]
    if not measured:
        return None
    newest = max(measured, key=lambda history: history.rows[-1].start_unix_ns)
    return voltage_trend(histories), frequency_trend(newest)


def _incidents(incidents: Sequence[Incident], links: Links, now: int) -> None:
    if not incidents:
        empty("No incident so far. When a box sees a sag, a swell or another disturbance, it is listed here.")
        return
    for group in group_incidents(incidents)[:_GROUPS]:
        words, icon = CLASS_WORDS[group.incident_class], CLASS_ICONS[group.incident_class]
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"row-{group.incident_id}"):
            if group.event_id is None:
                st.markdown(f"{icon} **{words}**", width="content")
            else:
                links.to_event(group.event_id, words, icon)
            st.caption(_group_text(group, now), width="content")
    links.to_events("All events")


def _group_text(group: IncidentGroup, now: int) -> str:
    worst = group.worst
    where = f"**{worst.box_id}**"
    if len(group.box_ids) > 1:
        where = f"**{counted(len(group.box_ids), 'box')}**, farthest at {where}"
    extreme = extreme_text(worst)
    parts = (
        where,
        "" if extreme == NOTHING else extreme,
        duration_text(worst),
        f"{utc(worst.start_unix_ns)}, {ago(worst.start_unix_ns, now)}",
    )
    return " · ".join(part for part in parts if part)


def _boxes(boxes: Sequence[Box], site: SiteBoxes, now: int) -> None:
    page, pages = 1, -(-len(boxes) // _BOXES_PER_PAGE)
    if pages > 1:
        page = st.pagination(pages, key="boxes-page")
    first = (page - 1) * _BOXES_PER_PAGE
    boxes_table(boxes[first : first + _BOXES_PER_PAGE], site.statuses, now)
