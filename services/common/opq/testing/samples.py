"""One plain example of each domain object, to be changed field by field: ``event(state=EventState.OPEN)``.

Every float has digits that do not survive a conversion to float32 or to text of six digits, and names have letters
beyond ASCII, so that a store or codec that loses something fails the tests that use these.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from opq.ids import AcquisitionId, BoxId, EventId, GridId, IncidentId, TaskId
from opq.model.boxes import Box, BoxStatus, Limits, Nominal, Power
from opq.model.events import Acquisition, AcquisitionState, Event, EventBox, EventState, Extent, Role
from opq.model.features import FEATURES, FloatArray, TimeSource
from opq.model.incidents import DurationClass, Finding, Incident, IncidentClass
from opq.model.measurements import Measurement, Trend
from opq.model.services import Heartbeat
from opq.model.tasks import Task, TaskKind
from opq.model.waveforms import Segment, WaveformInfo

T0 = 1_800_000_000_123_456_789
"""A time with all its nanoseconds [ns since the epoch]."""


def box(box_id: str = "box-1", **changes: Any) -> Box:
    """A box at 230 V in grid ``grid-1``."""
    made = Box(
        BoxId(box_id),
        GridId("grid-1"),
        Nominal(230.1, 50.0),
        name="Küche 厨房 🔌",
        feeder="west",
        limits=Limits(thd_pct=4.7),
        window_cycles=10,
    )
    return replace(made, **changes)


def status(box_id: str = "box-1", **changes: Any) -> BoxStatus:
    """A connected box that has not sent anything."""
    made = BoxStatus(
        BoxId(box_id),
        connected=True,
        session_id="session-1",
        boot_id="boot-1",
        connected_unix_ns=T0,
        power=Power.MAINS,
        time_source=TimeSource.NTP,
        clock_uncertainty_ns=2_000_001,
        agent_version="0.1.0",
        spooled_frames=3,
    )
    return replace(made, **changes)


def values(seed: int = 0) -> FloatArray:
    """(3, len(FEATURES)) random float32."""
    return np.random.default_rng(seed).random((3, len(FEATURES)), np.float32) * np.float32(230)


def measurement(start_unix_ns: int = T0, box_id: str = "box-1", seed: int = 0) -> Measurement:
    """One second of measurements."""
    return Measurement(BoxId(box_id), start_unix_ns, 999_999_937, 2**40 + seed, 5, 0x8000_0001, values(seed))


def trend(start_unix_ns: int = T0, box_id: str = "box-1", seed: int = 0) -> Trend:
    """One minute."""
    return Trend(BoxId(box_id), start_unix_ns, 300, 0x8000_0001, values(seed))


def event(event_id: str = "event-1", **changes: Any) -> Event:
    """A closed event of one second at two boxes."""
    made = Event(
        EventId(event_id),
        GridId("grid-1"),
        T0,
        T0 + 10**9,
        EventState.CLOSED,
        extent=Extent.NEIGHBOURHOOD,
        extent_reason="2 of 8 streaming boxes triggered",
        opened_by="box-1: ‹dip›",
        opened_unix_ns=T0 + 1,
        revision=1,
        continues=EventId("event-0"),
        box_ids=(BoxId("box-1"), BoxId("box-2")),
    )
    return replace(made, **changes)


def event_box(event_id: str = "event-1", box_id: str = "box-1", **changes: Any) -> EventBox:
    """A box that triggered hard."""
    made = EventBox(EventId(event_id), BoxId(box_id), Role.HARD, T0, T0 + 10**9, ("u_rms_v 84.2 < 114", "thd_pct"))
    return replace(made, **changes)


def acquisition(acquisition_id: str = "acquisition-1", **changes: Any) -> Acquisition:
    """A request that waits for its answer."""
    made = Acquisition(
        AcquisitionId(acquisition_id),
        EventId("event-1"),
        BoxId("box-1"),
        T0,
        T0 + 10**9,
        AcquisitionState.REQUESTED,
        requested_unix_ns=T0 + 2,
    )
    return replace(made, **changes)


def waveform_info(acquisition_id: str = "acquisition-1", **changes: Any) -> WaveformInfo:
    """Two segments of 12 kHz, described as encoded in ten bytes."""
    made = WaveformInfo(
        AcquisitionId(acquisition_id),
        EventId("event-1"),
        BoxId("box-1"),
        sample_rate_hz=12_000.1,
        volts_per_count=0.01234567890123,
        segments=(Segment(T0, 600), Segment(T0 + 10**9, 1)),
        crc32=0xFEDC_BA98,
        encoded_bytes=10,
        time_source=TimeSource.GPS,
        clock_uncertainty_ns=100,
        missing="0.9 s: gap",
    )
    return replace(made, **changes)


def finding(box_id: str = "box-1", **changes: Any) -> Finding:
    """An instantaneous sag."""
    made = Finding(
        BoxId(box_id),
        IncidentClass.VOLTAGE_SAG,
        T0,
        T0 + 10**8,
        standard="IEEE 1159-2019",
        clause="Table 2",
        duration_class=DurationClass.INSTANTANEOUS,
        extreme=84.123456789012,
        unit="V",
        extreme_pu=0.7010288065751,
        open_start=True,
        evidence={"half_cycles": [120.1, 84.2], "count": 2**60, "note": "größer", "sure": True, "none": None},
    )
    return replace(made, **changes)


def incident(incident_id: str = "incident-1", **changes: Any) -> Incident:
    """A finding of plugin ``ieee1159`` in ``event-1``."""
    made = Incident(IncidentId(incident_id), "ieee1159", "1.0", EventId("event-1"), "0", T0 + 5, finding())
    return replace(made, **changes)


def task(task_id: str = "ieee1159:event-1:0", **changes: Any) -> Task:
    """A queued task."""
    return replace(Task(TaskId(task_id), "ieee1159", TaskKind.EVENT, T0, event_id=EventId("event-1")), **changes)


def heartbeat(service_id: str = "ingest-1", **changes: Any) -> Heartbeat:
    """A sign of life of ingest."""
    return replace(Heartbeat(service_id, "ingest", T0, T0 + 1), **changes)
