"""The live summary that ``opq up`` shows in a terminal."""

import time

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from opq.clock import NS, iso
from opq.store import Store
from opq.store.port import EventFilter
from opq_cli.up.supervisor import Supervisor


def render(
    store: Store, supervisor: Supervisor, now_unix_ns: int, notes: list[str], until: float | None
) -> RenderableType:
    """Draw processes, boxes, newest incidents and notes."""
    return Group(
        _processes(supervisor), Text(), _boxes(store, now_unix_ns), Text(), _incidents(store), _foot(notes, until)
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def _processes(supervisor: Supervisor) -> Table:
    table = _table("process", "pid", "restarts")
    for child in supervisor.children.values():
        table.add_row(child.name, str(child.pid or "starting"), str(child.restarts))
    return table


def _boxes(store: Store, now_unix_ns: int) -> Table:
    table = _table("box", "V", "Hz", "THD %", "last window")
    statuses = store.boxes.statuses()
    for status in statuses[:16]:
        age = (now_unix_ns - status.seen_unix_ns) / NS if status.seen_unix_ns else None
        values = [f"{status.u_rms_v:.2f}", f"{status.f_hz:.3f}", f"{status.thd_pct:.2f}"]
        table.add_row(status.box_id, *values, "never" if age is None else f"{age:.1f} s ago")
    if len(statuses) > 16:
        table.add_row(f"and {len(statuses) - 16} more")
    return table


def _incidents(store: Store) -> Table:
    table = _table("newest incidents", "box", "start", "lasted s")
    for incident in store.incidents.list(limit=8):
        finding = incident.finding
        lasted = f"{finding.duration_ns / NS:.2f}"
        table.add_row(finding.incident_class.value, finding.box_id, iso(finding.start_unix_ns)[11:23], lasted)
    table.caption = f"{store.events.count(EventFilter())} events, {store.incidents.count()} incidents in the store"
    return table


def _foot(notes: list[str], until: float | None) -> Text:
    lines = notes[-4:]
    lines.append("Ctrl-C stops everything." if until is None else f"{max(0, until - time.monotonic()):.0f} s to go.")
    return Text("\n" + "\n".join(lines))
