"""The tables of the site: boxes, incidents, evidence, acquisitions."""

from collections.abc import Mapping, Sequence

import streamlit as st

from opq.clock import NS
from opq.ids import BoxId
from opq.model.boxes import Box, BoxStatus
from opq.model.events import Acquisition, EventBox
from opq.model.grid_now import BoxState, box_state
from opq.model.incidents import Incident, IncidentClass
from opq.model.waveforms import WaveformInfo
from opq.store.cut_offs import CutOff
from opq.trust.audit import AuditEntry
from opq.trust.users import ApiToken, User
from opq_view.components.show import show_table
from opq_view.components.wording import (
    ACQUISITION_WORDS,
    CLASS_WORDS,
    NOTHING,
    RIGHT_WORDS,
    ROLE_OF_USER_WORDS,
    ROLE_WORDS,
    ago,
    duration_text,
    extreme_text,
    plain,
    reason_text,
    seconds_text,
    size_text,
    utc,
    utc_clock,
    value_text,
)


def boxes_table(boxes: Sequence[Box], statuses: Mapping[BoxId, BoxStatus], now_unix_ns: int) -> None:
    """Show boxes with their newest values; values of a box that is off line are left out, for they are not of now."""
    rows = [_box_row(box, statuses.get(box.box_id), now_unix_ns) for box in boxes]
    heads = ("Box", "Name", "Grid", "Feeder", "State", "Last seen", "Voltage [V]", "Frequency [Hz]", "THD [%]")
    show_table(_columns(heads, rows), "Boxes with their state and newest values.")


def _box_row(box: Box, status: BoxStatus | None, now_unix_ns: int) -> tuple[str, ...]:
    state = box_state(status, now_unix_ns)
    values: tuple[str, str, str] = (NOTHING, NOTHING, NOTHING)
    if status is not None and state is BoxState.ON_LINE:
        values = (f"{status.u_rms_v:.1f}", f"{status.f_hz:.3f}", f"{status.thd_pct:.2f}")
    seen = ago(status.seen_unix_ns, now_unix_ns) if status else "never"
    colour = {BoxState.ON_LINE: "green", BoxState.LATE: "orange", BoxState.OFF_LINE: "red", BoxState.NEVER_SEEN: "gray"}
    return (
        f"**{box.box_id}**",
        plain(box.name) or NOTHING,
        box.grid_id,
        plain(box.feeder) or NOTHING,
        f":{colour[state]}[{state.value}]",
        seen,
        *values,
    )


def users_table(users: Sequence[User]) -> None:
    """Show who may sign in."""
    rows = [_user_row(user) for user in users]
    show_table(_columns(("User", "Rights", "State", "Boxes"), rows), "Users, their rights and their boxes.")


def _user_row(user: User) -> tuple[str, ...]:
    state = "may not sign in" if user.disabled else "may sign in" if user.password else "invited"
    return f"**{plain(user.user_id)}**", ROLE_OF_USER_WORDS[user.role], state, ", ".join(user.box_ids) or NOTHING


def tokens_table(tokens: Sequence[ApiToken]) -> None:
    """Show which programs read in whose name; the tokens themselves nobody can show."""
    rows = [_token_row(token) for token in tokens]
    show_table(_columns(("Token", "User", "For", "May read", "Good until"), rows), "API tokens.")


def _token_row(token: ApiToken) -> tuple[str, ...]:
    may = ", ".join(RIGHT_WORDS[scope] for scope in token.scopes)
    return token.token_id, plain(token.user_id), plain(token.name), may, utc(token.expires_unix_ns)


def audit_table(entries: Sequence[AuditEntry]) -> None:
    """Show who did what, newest first."""
    rows = [_audit_row(entry) for entry in entries]
    show_table(_columns(("Number", "When", "Who", "Act", "Of", "Detail"), rows), "Acts, newest first.")


def _audit_row(entry: AuditEntry) -> tuple[str, ...]:
    said = (entry.actor, entry.action, entry.subject, entry.detail)
    return str(entry.number), utc(entry.unix_ns), *(plain(text) or NOTHING for text in said)


def cut_offs_table(cut_offs: Mapping[BoxId, CutOff], now_unix_ns: int) -> None:
    """Show which boxes were cut off, last first."""
    newest = sorted(cut_offs.items(), key=lambda item: -item[1].unix_ns)
    rows = [
        (f"**{box_id}**", ago(one.unix_ns, now_unix_ns), str(one.times), plain(one.reason)) for box_id, one in newest
    ]
    show_table(_columns(("Box", "Last", "Times", "Why"), rows), "Boxes that were cut off, and why.")


def incidents_table(incidents: Sequence[Incident]) -> None:
    """Show what was classified at which box and by which standard."""
    rows = [_incident_row(incident) for incident in incidents]
    heads = ("Box", "Class", "Duration class", "Farthest value", "Lasted", "Start [UTC]", "Standard")
    show_table(_columns(heads, rows), "Incidents of this event, one row per box and class.")


def _incident_row(incident: Incident) -> tuple[str, ...]:
    finding = incident.finding
    return (
        f"**{finding.box_id}**",
        CLASS_WORDS[finding.incident_class],
        finding.duration_class.value if finding.duration_class else NOTHING,
        extreme_text(finding),
        duration_text(finding),
        utc_clock(finding.start_unix_ns),
        plain(f"{finding.standard}, {finding.clause}" if finding.clause else finding.standard),
    )


def evidence_tables(incidents: Sequence[Incident]) -> None:
    """Show, class by class, the numbers each decision rests on, boxes beside each other."""
    classes: dict[tuple[IncidentClass, str], list[Incident]] = {}
    for incident in incidents:
        classes.setdefault((incident.finding.incident_class, incident.plugin), []).append(incident)
    for (incident_class, plugin), found in classes.items():
        st.markdown(f"**{CLASS_WORDS[incident_class]}**, by plugin {plain(plugin)} {plain(found[0].plugin_version)}")
        keys = list(dict.fromkeys(key for incident in found for key in incident.finding.evidence))
        if not keys:
            st.caption("No evidence was stored with it.")
            continue
        columns = {"Evidence": [plain(key.replace("_", " ")) for key in keys]}
        for incident in found:
            head = f"{incident.finding.box_id} {incident.ordinal}" if len(found) > 1 else incident.finding.box_id
            evidence = incident.finding.evidence
            columns[head] = [plain(value_text(evidence[key])) if key in evidence else NOTHING for key in keys]
        show_table(columns, f"{incident_class.value} by {plugin}: evidence per box.")


def parts_table(parts: Sequence[EventBox], boxes: Mapping[BoxId, Box]) -> None:
    """Show why each box is in an event."""
    rows = [
        (
            f"**{part.box_id}**",
            plain(boxes[part.box_id].feeder) or NOTHING if part.box_id in boxes else "no longer enrolled",
            ROLE_WORDS[part.role],
            utc_clock(part.start_unix_ns),
            seconds_text((part.end_unix_ns - part.start_unix_ns) / NS),
            plain("; ".join(reason_text(reason) for reason in part.reasons)) or NOTHING,
        )
        for part in parts
    ]
    heads = ("Box", "Feeder", "Why it is here", "From [UTC]", "For", "What triggered")
    show_table(_columns(heads, rows), "Parts of the boxes in this event.")


def acquisitions_table(acquisitions: Sequence[Acquisition], waveforms: Sequence[WaveformInfo]) -> None:
    """Show which waveforms were asked for and what came of it."""
    infos = {info.acquisition_id: info for info in waveforms}
    rows = [_acquisition_row(acquisition, infos.get(acquisition.acquisition_id)) for acquisition in acquisitions]
    heads = ("Box", "From [UTC]", "Length", "Answer", "After", "Size", "Clock", "Remarks")
    show_table(_columns(heads, rows), "Acquisitions: waveforms asked for and their answers.")


def _acquisition_row(acquisition: Acquisition, info: WaveformInfo | None) -> tuple[str, ...]:
    answered = acquisition.answered_unix_ns and acquisition.requested_unix_ns
    latency_s = (acquisition.answered_unix_ns - acquisition.requested_unix_ns) / NS
    remarks = [text for text in (acquisition.reason, info.missing if info else "") if text]
    return (
        f"**{acquisition.box_id}**",
        utc_clock(acquisition.start_unix_ns),
        seconds_text((acquisition.end_unix_ns - acquisition.start_unix_ns) / NS),
        ACQUISITION_WORDS[acquisition.state],
        seconds_text(latency_s) if answered else NOTHING,
        size_text(acquisition.bytes) if acquisition.bytes else NOTHING,
        f"{info.time_source.value}, ± {info.clock_uncertainty_ns / 1e6:g} ms" if info else NOTHING,
        plain("; ".join(remarks)) or NOTHING,
    )


def _columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    return {head: [row[index] for row in rows] for index, head in enumerate(heads)}
