"""A small site to look at: boxes, five minutes of measurements, and events with real waveforms and their incidents.

Everything is a function of one time, so two fillings with the same time are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from opq.clock import HOUR_NS, NS, seconds_ns
from opq.codec import encode, samples_crc32
from opq.ids import AcquisitionId, BoxId, EventId, GridId, IncidentId
from opq.model.boxes import Box, BoxStatus, Nominal, Power
from opq.model.events import Acquisition, AcquisitionState, Event, EventBox, EventState, Extent, Role
from opq.model.features import FEATURE_INDEX, FeatureFrame, TimeSource, Windows
from opq.model.incidents import Finding, Incident, IncidentClass
from opq.model.measurements import fold_frames
from opq.model.waveforms import Segment, VoltageSegment, WaveformInfo
from opq.signal.segments import half_cycle_series
from opq.standards import ieee1159
from opq.store import Store
from opq.testing.frames import good_frame
from opq.testing.waves import Step, Wave

GRID = GridId("demo")
NOMINAL = Nominal(120, 60)
BOXES = tuple(
    Box(BoxId(f"house-{number}"), GRID, NOMINAL, f"House {number}", "feeder-1" if number < 5 else "feeder-2")
    for number in range(1, 6)
)
SAG = EventId("event-sag")
"""A sag on feeder-1: waveforms of its four boxes, none of the fifth box."""
SWELL = EventId("event-swell")
"""A swell at house-2 an hour before, without any waveform left."""
FREQUENCY = EventId("event-frequency")
"""Frequency low at all boxes two hours before; asked for, and no waveform has come yet."""
HISTORY_S = 300
_RATE_HZ = 12_000.0
_VOLTS_PER_COUNT = 0.0125
_LEAD_S, _LENGTH_S = 1.0, 2.4
_SAG_S = 0.3
_SAG_PU = {"house-1": 0.62, "house-2": 0.70, "house-3": 0.75, "house-4": 0.82}


@dataclass(frozen=True, slots=True)
class Site:
    """When things are in a filled store [ns since the epoch]."""

    now_unix_ns: int
    """End of the measurements."""
    sag_unix_ns: int
    """Start of the sag, a minute and a half before."""


def fill_site(store: Store, now_unix_ns: int) -> Site:
    """Write the site into an empty store."""
    site = Site(now_unix_ns, now_unix_ns - seconds_ns(90.25))
    for box in BOXES:
        store.boxes.put(box)
        store.boxes.connected(_status(box, now_unix_ns))
    store.boxes.disconnected(BoxId("house-5"), "session-house-5", now_unix_ns - seconds_ns(100))
    _add_measurements(store, site)
    _add_sag(store, site.sag_unix_ns)
    _add_swell(store, now_unix_ns - HOUR_NS)
    _add_frequency(store, now_unix_ns - 2 * HOUR_NS)
    _add_outage(store, now_unix_ns - seconds_ns(100))
    return site


def sag_segment(box_id: str, start_unix_ns: int) -> VoltageSegment:
    """Return the recorded voltage of one box around the sag that starts at `start_unix_ns`."""
    steps = [Step(_LEAD_S, _LEAD_S + _SAG_S, _SAG_PU[box_id])]
    wave = Wave(NOMINAL, f_hz=59.99, harmonics={3: 1.2, 5: 1.8, 7: 0.6}, steps=steps, noise_v=0.2)
    return VoltageSegment(start_unix_ns - seconds_ns(_LEAD_S), _RATE_HZ, wave.volts(_LENGTH_S, _RATE_HZ))


def put_waveform(store: Store, acquisition: Acquisition, pieces: Sequence[VoltageSegment]) -> WaveformInfo:
    """Encode and commit a waveform as ingest does."""
    counts = np.rint(np.concatenate([piece.volts for piece in pieces]) / _VOLTS_PER_COUNT).astype(np.int16)
    data = encode(counts)
    info = WaveformInfo(
        acquisition.acquisition_id,
        acquisition.event_id,
        acquisition.box_id,
        pieces[0].sample_rate_hz,
        _VOLTS_PER_COUNT,
        tuple(Segment(piece.start_unix_ns, len(piece.volts)) for piece in pieces),
        samples_crc32(counts),
        len(data),
        TimeSource.GPS,
        100,
    )
    store.waveforms.append(acquisition.acquisition_id, 0, data)
    store.waveforms.commit(info)
    return info


def _status(box: Box, now_unix_ns: int) -> BoxStatus:
    number = int(box.box_id[-1])
    return BoxStatus(
        box.box_id,
        connected=True,
        session_id=f"session-{box.box_id}",
        connected_unix_ns=now_unix_ns - HOUR_NS,
        last_frame_unix_ns=now_unix_ns - (seconds_ns(100) if number == 5 else 0),
        u_rms_v=119.0 + 0.5 * number,
        f_hz=59.99,
        thd_pct=1.1 + 0.1 * number,
        power=Power.MAINS,
        time_source=TimeSource.GPS,
    )


def _add_measurements(store: Store, site: Site) -> None:
    start = site.now_unix_ns - HISTORY_S * NS
    for box in BOXES:
        seconds = HISTORY_S - 100 if box.box_id == "house-5" else HISTORY_S
        frames = [_frame(box, second, start + second * NS, site.sag_unix_ns) for second in range(seconds)]
        store.measurements.add(fold_frames(frames))


def _frame(box: Box, second: int, start_unix_ns: int, sag_unix_ns: int) -> FeatureFrame:
    """Make one second of features; in the second of the sag its windows are low."""
    u_v = 119.0 + 0.5 * int(box.box_id[-1]) + 0.4 * np.sin(second / 17)
    f_hz = 59.99 + 0.012 * np.sin(second / 31)
    frame = good_frame(
        box.box_id,
        second + 1,
        start_unix_ns,
        u_rms_v=u_v,
        u_rms_half_min_v=u_v - 0.3,
        u_rms_half_max_v=u_v + 0.3,
        f_hz=f_hz,
        f_min_hz=f_hz - 0.004,
        f_max_hz=f_hz + 0.004,
        thd_pct=1.1 + 0.1 * int(box.box_id[-1]),
    )
    if box.box_id in _SAG_PU:
        _lower(frame.windows, sag_unix_ns, _SAG_PU[box.box_id] * NOMINAL.u_din_v)
    return frame


def _lower(windows: Windows, sag_unix_ns: int, u_v: float) -> None:
    """Write a sag into the windows that it lies in."""
    ends = windows.start_unix_ns + windows.duration_ns
    inside = (ends > sag_unix_ns) & (windows.start_unix_ns < sag_unix_ns + seconds_ns(_SAG_S))
    windows.values[inside, FEATURE_INDEX["u_rms_half_min_v"]] = u_v
    windows.values[inside, FEATURE_INDEX["u_rms_v"]] = (u_v + NOMINAL.u_din_v) / 2


def _add_sag(store: Store, start: int) -> None:
    end = start + seconds_ns(_SAG_S)
    ids = tuple(box.box_id for box in BOXES)
    event = Event(
        SAG,
        GRID,
        start,
        end,
        EventState.COMPLETE,
        extent=Extent.GRID,
        extent_reason="4 of 5 streaming boxes triggered",
        opened_by="house-1: u_rms_half_min_v 74.4 beyond 114 (hard, limits)",
        opened_unix_ns=start + seconds_ns(1.2),
        completed_unix_ns=end + seconds_ns(3.4),
        box_ids=ids,
    )
    store.events.put(event)
    store.events.put_boxes([_sag_part(box, start, end) for box in BOXES])
    for box in BOXES:
        acquisition = _sag_acquisition(box.box_id, start)
        store.acquisitions.put(acquisition)
        if acquisition.state is AcquisitionState.STORED:
            put_waveform(store, acquisition, [sag_segment(box.box_id, start)])
    incidents = [incident for box in BOXES[:4] for incident in _sag_incidents(box, start)]
    store.incidents.replace("ieee1159", SAG, incidents)
    store.incidents.replace("itic", SAG, [_itic_incident(incidents[0])])


def _sag_part(box: Box, start: int, end: int) -> EventBox:
    if box.box_id not in _SAG_PU:
        return EventBox(SAG, box.box_id, Role.NEIGHBOUR, start, end)
    u_v = _SAG_PU[box.box_id] * NOMINAL.u_din_v
    return EventBox(SAG, box.box_id, Role.HARD, start, end, (f"u_rms_half_min_v {u_v:.5g} beyond 114 (hard, limits)",))


def _sag_acquisition(box_id: BoxId, start: int) -> Acquisition:
    stored = box_id in _SAG_PU
    requested = start + seconds_ns(_SAG_S + 3.3)
    return Acquisition(
        AcquisitionId(f"sag-{box_id}"),
        SAG,
        box_id,
        start - seconds_ns(_LEAD_S),
        start - seconds_ns(_LEAD_S) + seconds_ns(_LENGTH_S),
        AcquisitionState.STORED if stored else AcquisitionState.MISSING,
        requested,
        requested + seconds_ns(0.042 if stored else 10.0),
        "" if stored else "box is not connected",
        31_000 if stored else 0,
    )


def _sag_incidents(box: Box, start: int) -> list[Incident]:
    """Classify the sag at one box as the plugin does."""
    series = half_cycle_series(sag_segment(box.box_id, start), box.nominal)
    return [
        _incident(
            f"incident-{box.box_id[-1]}-{ordinal}",
            "ieee1159",
            SAG,
            Finding(
                box.box_id,
                (category := ieee1159.categorize(found, box.nominal)).incident_class,
                found.start_unix_ns,
                found.end_unix_ns,
                ieee1159.STANDARD,
                ieee1159.CLAUSE,
                category.duration_class,
                found.extreme_pu * box.nominal.u_din_v,
                "V",
                found.extreme_pu,
                evidence={"method": "Urms(1/2)", "begins_beyond_pu": 0.9, "duration_s": found.duration_s},
            ),
            str(ordinal),
        )
        for ordinal, found in enumerate(ieee1159.find_disturbances(series, box.nominal, ieee1159.Thresholds()))
    ]


def _itic_incident(sag: Incident) -> Incident:
    finding = sag.finding
    made = Finding(
        finding.box_id,
        IncidentClass.ITIC_NO_DAMAGE,
        finding.start_unix_ns,
        finding.end_unix_ns,
        "ITI (CBEMA) Curve 2000",
        "curve for 120 V equipment",
        extreme=finding.extreme,
        unit="V",
        extreme_pu=finding.extreme_pu,
        evidence={"envelope": "ITIC", "level_pu": [0.7, 0.8], "level_allowed_s": [0.02, 0.5], "curve_point_pu": 0.7},
    )
    return _incident("sag-itic", "itic", SAG, made)


def _add_swell(store: Store, start: int) -> None:
    box_id, end = BoxId("house-2"), start + seconds_ns(0.35)
    store.events.put(
        Event(
            SWELL,
            GRID,
            start,
            end,
            EventState.COMPLETE,
            extent_reason="1 of 5 streaming boxes triggered",
            opened_by="house-2: u_rms_half_max_v 139.2 beyond 126 (hard, limits)",
            opened_unix_ns=start + NS,
            completed_unix_ns=end + 4 * NS,
            box_ids=(box_id,),
        )
    )
    store.events.put_boxes([EventBox(SWELL, box_id, Role.HARD, start, end)])
    finding = Finding(
        box_id, IncidentClass.VOLTAGE_SWELL, start, end, "IEEE 1159-2019", "Table 2", None, 139.2, "V", 1.16
    )
    store.incidents.replace("ieee1159", SWELL, [_incident("swell", "ieee1159", SWELL, finding)])


def _add_frequency(store: Store, start: int) -> None:
    end, ids = start + 5 * NS, tuple(box.box_id for box in BOXES)
    store.events.put(
        Event(
            FREQUENCY,
            GRID,
            start,
            end,
            EventState.CLOSED,
            extent=Extent.GRID,
            extent_reason="5 of 5 streaming boxes triggered",
            opened_by="house-3: f_hz 59.7 beyond 59.9 (hard, limits)",
            opened_unix_ns=start + NS,
            box_ids=ids,
        )
    )
    store.events.put_boxes([EventBox(FREQUENCY, box_id, Role.HARD, start, end) for box_id in ids])
    for box_id in ids:
        acquisition = Acquisition(
            AcquisitionId(f"frequency-{box_id}"), FREQUENCY, box_id, start - NS, end + NS, requested_unix_ns=end + NS
        )
        store.acquisitions.put(acquisition)


def _add_outage(store: Store, start: int) -> None:
    """House-5 went silent; its outage belongs to no event and still lasts."""
    finding = Finding(
        BoxId("house-5"),
        IncidentClass.OUTAGE,
        start,
        start + 10 * NS,
        "OPQ",
        "no frames for 10 s",
        extreme=10.0,
        unit="s",
        open_end=True,
    )
    store.incidents.put(_incident("outage", "outage", None, finding, f"OUTAGE-{start}"))


def _incident(
    incident_id: str, plugin: str, event_id: EventId | None, finding: Finding, ordinal: str = "0"
) -> Incident:
    return Incident(
        IncidentId(incident_id), plugin, "1", event_id, ordinal, finding.end_unix_ns + seconds_ns(4), finding
    )
