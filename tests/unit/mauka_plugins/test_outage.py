"""Silence of boxes: when it is an outage, what it was, when it ends."""

from dataclasses import replace

import pytest

from opq.clock import NS
from opq.ids import BoxId, GridId, IncidentId
from opq.model.boxes import Box, BoxStatus, Nominal
from opq.model.incidents import Finding, Incident, IncidentClass
from opq_mauka.plugins.outage import Outage, OutageConfig
from opq_mauka.sdk import TickContext

NOW = 1_700_000_000 * NS
BOX = Box(BoxId("box-1"), GridId("grid"), Nominal(120, 60))
QUIET = BoxStatus(BOX.box_id, connected=True, boot_id="boot-1", last_frame_unix_ns=NOW - 15 * NS)


def tick(status: BoxStatus | None, *lasting: Finding, now: int = NOW, up_since: int = NOW - 3600 * NS) -> list[Finding]:
    incidents = tuple(
        Incident(IncidentId("1"), "outage", "1", None, str(finding.start_unix_ns), 0, finding) for finding in lasting
    )
    context = TickContext(now, ((BOX, status),), up_since, incidents)
    return list(Outage(OutageConfig()).analyze(context))


def test_a_box_silent_for_longer_than_ten_seconds_is_out() -> None:
    (finding,) = tick(QUIET)
    assert finding.incident_class is IncidentClass.OUTAGE
    assert finding.start_unix_ns == QUIET.last_frame_unix_ns
    assert finding.open_end
    assert finding.evidence["cause"] == "unknown"
    assert finding.evidence["connected"] is True
    assert finding.evidence["boot_id"] == "boot-1"


@pytest.mark.parametrize("silent_s", [0, 5, 10])
def test_a_box_silent_for_less_is_not(silent_s: int) -> None:
    assert tick(replace(QUIET, last_frame_unix_ns=NOW - silent_s * NS)) == []


@pytest.mark.parametrize("status", [None, BoxStatus(BOX.box_id), replace(QUIET, last_frame_unix_ns=0)])
def test_a_box_that_never_sent_a_frame_is_not_out(status: BoxStatus | None) -> None:
    assert tick(status) == []


def test_silence_counts_from_when_an_ingest_was_there() -> None:
    assert tick(QUIET, up_since=NOW - 9 * NS) == []
    (finding,) = tick(QUIET, up_since=NOW - 11 * NS)
    assert finding.start_unix_ns == QUIET.last_frame_unix_ns


def test_without_ingest_nothing_is_said() -> None:
    (lasting,) = tick(QUIET)
    assert tick(QUIET, up_since=0) == []
    assert tick(replace(QUIET, last_frame_unix_ns=NOW), lasting, up_since=0) == []


@pytest.mark.parametrize("after_s", [-3, 0, 2])
def test_a_last_gasp_says_that_power_was_lost(after_s: int) -> None:
    (finding,) = tick(replace(QUIET, last_gasp_unix_ns=QUIET.last_frame_unix_ns + after_s * NS))
    assert finding.evidence["cause"] == "power_lost"
    assert finding.evidence["last_gasp_after_s"] == after_s


def test_an_old_gasp_says_nothing() -> None:
    (finding,) = tick(replace(QUIET, last_gasp_unix_ns=QUIET.last_frame_unix_ns - 60 * NS))
    assert finding.evidence["cause"] == "unknown"


def test_a_lasting_outage_is_not_said_again() -> None:
    (lasting,) = tick(QUIET)
    assert tick(QUIET, lasting, now=NOW + 2 * NS) == []


def test_what_is_learned_of_a_lasting_outage_replaces_it() -> None:
    (lasting,) = tick(QUIET)
    gasped = replace(QUIET, connected=False, last_gasp_unix_ns=QUIET.last_frame_unix_ns + NS)
    (update,) = tick(gasped, lasting, now=NOW + 2 * NS)
    assert update.start_unix_ns == lasting.start_unix_ns
    assert update.evidence["cause"] == "power_lost"
    assert update.open_end


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({}, "network_lost"),
        ({"boot_id": "boot-2"}, "box_restarted"),
        ({"last_gasp_unix_ns": NOW - 15 * NS}, "power_lost"),
        ({"boot_id": "boot-2", "last_gasp_unix_ns": NOW - 15 * NS}, "power_lost"),
    ],
)
def test_frames_that_come_again_end_it_and_tell_the_cause(change: dict[str, object], cause: str) -> None:
    (lasting,) = tick(QUIET)
    back = replace(
        QUIET,
        last_frame_unix_ns=NOW + 29 * NS,
        connected_unix_ns=NOW + 27 * NS,
        **change,  # type: ignore[arg-type]
    )
    (ended,) = tick(back, lasting, now=NOW + 30 * NS)
    assert ended.evidence["cause"] == cause
    assert ended.start_unix_ns == lasting.start_unix_ns
    assert ended.end_unix_ns == NOW + 27 * NS
    assert not ended.open_end


def test_without_a_new_connection_it_ends_now() -> None:
    (lasting,) = tick(QUIET)
    (ended,) = tick(replace(QUIET, last_frame_unix_ns=NOW + 30 * NS), lasting, now=NOW + 30 * NS)
    assert ended.end_unix_ns == NOW + 30 * NS


def test_old_frames_filled_in_later_do_not_end_it() -> None:
    (lasting,) = tick(QUIET)
    assert tick(replace(QUIET, last_frame_unix_ns=NOW - 12 * NS), lasting, now=NOW + 30 * NS) == []
