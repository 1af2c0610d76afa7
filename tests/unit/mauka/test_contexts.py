"""What a plugin is shown: the event, volts without holes that are none, what is missing, what went before."""

from dataclasses import replace

import numpy as np
import pytest

from opq.clock import NS
from opq.errors import NotFound
from opq.ids import AcquisitionId, BoxId, EventId, GridId
from opq.model.boxes import Box, BoxStatus, Nominal
from opq.model.events import Acquisition, AcquisitionState, EventBox, Role
from opq.model.incidents import IncidentClass
from opq.model.services import Heartbeat
from opq.model.tasks import Task, TaskId, TaskKind
from opq.model.waveforms import VoltageSegment, join_segments
from opq.testing.samples import finding
from opq.testing.waves import START_UNIX_NS, Wave
from opq.v1 import mauka_pb2
from opq_mauka.hub.contexts import event_context, tick_context
from opq_mauka.hub.findings import store_tick_findings
from opq_mauka.sdk import EventContext, TickContext
from opq_mauka.worker.contexts import Assembly

RATE = 12_000
US = Nominal(120, 60)


def piece(volts: np.ndarray, start_s: float) -> VoltageSegment:
    return VoltageSegment(START_UNIX_NS + round(start_s * NS), RATE, volts)


def context_of(desk, event_id: str = "e") -> EventContext:
    context = desk.assembly(desk.task("p", event_id)).context()
    assert isinstance(context, EventContext)
    return context


def test_waveforms_of_one_box_that_follow_each_other_are_one_piece_in_volts(desk) -> None:
    volts = Wave(US, harmonics={5: 3}).volts(4)
    desk.add_event("e", 1, 3)
    desk.add_waveform("e", piece(volts[: 2 * RATE], 0), acquisition="first")
    desk.add_waveform("e", piece(volts[2 * RATE :], 2), acquisition="second")
    (record,) = context_of(desk).records
    (whole,) = record.segments
    assert (whole.start_unix_ns, len(whole.volts), whole.sample_rate_hz) == (START_UNIX_NS, 4 * RATE, RATE)
    np.testing.assert_allclose(whole.volts, volts, atol=0.0063)
    assert record.missing == ""
    assert (record.box.box_id, record.part.role) == ("box-1", Role.HARD)


def test_a_gap_stays_a_gap_and_an_overlap_is_taken_once(desk) -> None:
    volts = Wave(US).volts(6)
    desk.add_event("e", 1, 5)
    desk.add_waveform("e", piece(volts[:RATE], 0), piece(volts[2 * RATE : 4 * RATE], 2), acquisition="first")
    desk.add_waveform("e", piece(volts[3 * RATE :], 3), acquisition="second")
    (record,) = context_of(desk).records
    assert [len(segment.volts) for segment in record.segments] == [RATE, 4 * RATE]
    assert record.segments[1].start_unix_ns == START_UNIX_NS + 2 * NS
    np.testing.assert_allclose(record.segments[1].volts, volts[2 * RATE :], atol=0.0063)


def test_a_waveform_longer_than_a_message_comes_whole(desk) -> None:
    volts = Wave(US, f_hz=60.02).volts(60)
    desk.add_event("e", 1, 59)
    desk.add_waveform("e", piece(volts, 0))
    (record,) = context_of(desk).records
    (whole,) = record.segments
    assert len(whole.volts) == 60 * RATE, "1.4 MB in two messages"
    np.testing.assert_allclose(whole.volts, volts, atol=0.0063)


def test_pieces_at_an_uneven_rate_join_within_a_sample() -> None:
    rate = 12_000.37
    counts = np.arange(10_000, dtype="<i2")
    assembly = Assembly(mauka_pb2.TaskStart())
    for low in range(0, len(counts), 777):
        assembly.add(
            mauka_pb2.TaskWaveform(
                box_id="b",
                start_unix_ns=START_UNIX_NS + round(low * NS / rate),
                sample_rate_hz=rate,
                volts_per_count=0.5,
                samples=counts[low : low + 777].tobytes(),
            )
        )
    (whole,) = join_segments(assembly.pieces[BoxId("b")])
    np.testing.assert_array_equal(whole.volts, counts * 0.5)


def test_what_waveform_is_missing_is_said_with_the_reason(desk) -> None:
    desk.add_event("e", 1, 3)
    desk.add_waveform("e", piece(Wave(US).volts(1), 0), acquisition="there")
    gone = Acquisition(
        AcquisitionId("gone"), EventId("e"), BoxId("box-1"), START_UNIX_NS + NS, START_UNIX_NS + 2 * NS,
        AcquisitionState.MISSING, reason="the ring buffer no longer has it",
    )  # fmt: skip
    desk.store.acquisitions.put(gone)
    desk.store.acquisitions.put(replace(gone, acquisition_id=AcquisitionId("open"), state=AcquisitionState.REQUESTED))
    (record,) = context_of(desk).records
    assert record.missing == "the ring buffer no longer has it"
    assert len(record.segments) == 1


def test_a_box_without_waveform_is_a_record_without_pieces(desk) -> None:
    event = desk.add_event("e", 1, 3)
    desk.store.events.put_boxes(
        [EventBox(event.event_id, BoxId("box-2"), Role.NEIGHBOUR, event.start_unix_ns, event.end_unix_ns)]
    )
    desk.add_waveform("e", piece(Wave(US).volts(1), 0), box_id="box-2")
    assert [(record.box.box_id, len(record.segments)) for record in context_of(desk).records] == [
        ("box-1", 0),
        ("box-2", 1),
    ]


def test_a_box_that_was_removed_since_is_left_out(desk) -> None:
    desk.add_event("e", 1, 3)
    desk.add_waveform("e", piece(Wave(US).volts(1), 0))
    desk.store.boxes.remove(BoxId("box-1"))
    assert context_of(desk).records == ()


def test_an_event_that_is_gone_is_said_to_be(desk) -> None:
    with pytest.raises(NotFound, match="event nothing is no longer in the store"):
        event_context(desk.store, desk.task("p", "nothing"), EventId("nothing"))


def tick_of(desk, plugin: str = "p") -> TickContext:
    now = desk.clock.unix_ns()
    task = Task(TaskId("p:tick:1"), plugin, TaskKind.TICK, now)
    loaded = tick_context(desk.store, task, now)
    context = Assembly(mauka_pb2.TaskStart(kind="tick", context_json=loaded.json)).context()
    assert isinstance(context, TickContext)
    return context


def test_a_tick_shows_all_boxes_and_what_was_last_seen_of_them(desk) -> None:
    desk.store.boxes.put(Box(BoxId("box-3"), GridId("other"), Nominal(230, 50), name="Küche"))
    status = BoxStatus(BoxId("box-2"), connected=True, session_id="s", boot_id="b", connected_unix_ns=5)
    desk.store.boxes.connected(status)
    context = tick_of(desk)
    assert context.now_unix_ns == desk.clock.unix_ns()
    assert [box.box_id for box, _ in context.boxes] == ["box-1", "box-2", "box-3"]
    assert context.boxes[2][0].name == "Küche"
    assert [seen for _, seen in context.boxes] == [None, status, None]


def test_ingest_counts_as_working_since_the_one_that_began_last_of_those_that_still_beat(desk) -> None:
    assert tick_of(desk).ingest_up_since_unix_ns == 0
    now = desk.clock.unix_ns()
    for name, started, beat in (("a", 100, 1), ("b", 50, 5.9), ("dead", 10, 7)):
        desk.store.heartbeats.beat(Heartbeat(name, "ingest", now - started * NS, now - round(beat * NS)))
    desk.store.heartbeats.beat(Heartbeat("makai-1", "makai", 1, now))
    assert tick_of(desk).ingest_up_since_unix_ns == now - 50 * NS


def test_a_tick_shows_a_plugin_its_own_open_incidents_only(desk) -> None:
    outage = finding("box-1", incident_class=IncidentClass.OUTAGE, open_end=True)
    store_tick_findings(desk.store, desk.clock, "p", "1", [outage])
    store_tick_findings(desk.store, desk.clock, "q", "1", [replace(outage, box_id=BoxId("box-2"))])
    store_tick_findings(desk.store, desk.clock, "p", "1", [finding("box-2", open_end=False)])
    (only,) = tick_of(desk).open_incidents
    assert only.finding == outage
