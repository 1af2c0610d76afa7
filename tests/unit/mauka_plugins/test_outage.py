"""Silence of boxes: when it is an outage, what it was, when it ends."""

from dataclasses import replace

import pytest

from opq.clock import NS
from opq.ids import BoxId, GridId, IncidentId
from opq.model.boxes import Box, BoxStatus, Nominal, Power
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


# --- boxes with a battery

NEAR = Box(BoxId("box-2"), GridId("grid"), Nominal(120, 60), feeder="east")
FAR = Box(BoxId("box-3"), GridId("grid"), Nominal(120, 60), feeder="west")
HERE = replace(BOX, feeder="east")
DARK = BoxStatus(
    BOX.box_id,
    connected=True,
    boot_id="boot-1",
    last_frame_unix_ns=NOW - NS,
    last_gasp_unix_ns=NOW - 4 * NS,
    u_rms_v=0.3,
    power=Power.BATTERY,
    battery_pct=93.0,
)
RIGHT = BoxStatus(NEAR.box_id, connected=True, boot_id="boot-2", last_frame_unix_ns=NOW - NS, u_rms_v=119.0)


def site_tick(
    boxes: list[tuple[Box, BoxStatus | None]], *lasting: Finding, now: int = NOW, of: BoxId = BOX.box_id
) -> Finding | None:
    incidents = tuple(
        Incident(IncidentId("1"), "outage", "2", None, str(finding.start_unix_ns), 0, finding) for finding in lasting
    )
    context = TickContext(now, tuple(boxes), NOW - 3600 * NS, incidents)
    found = [finding for finding in Outage(OutageConfig()).analyze(context) if finding.box_id == of]
    assert len(found) <= 1
    return found[0] if found else None


def test_a_box_on_its_battery_without_mains_while_its_neighbours_are_right_was_unplugged() -> None:
    finding = site_tick([(HERE, DARK), (NEAR, RIGHT)])
    assert finding
    assert finding.evidence["cause"] == "unplugged"
    assert (finding.start_unix_ns, finding.open_end) == (NOW - 4 * NS, True)
    assert finding.evidence["battery_pct"] == 93.0


@pytest.mark.parametrize(
    "neighbour",
    [
        replace(RIGHT, last_gasp_unix_ns=NOW - 9 * NS, last_frame_unix_ns=NOW - 12 * NS),
        replace(RIGHT, last_frame_unix_ns=NOW - 12 * NS),
        replace(RIGHT, last_gasp_unix_ns=NOW - 3 * NS, power=Power.BATTERY, u_rms_v=0.1),
    ],
    ids=["gasped", "fell silent", "is in the dark too"],
)
def test_when_a_neighbour_lost_its_power_too_it_is_a_power_cut(neighbour: BoxStatus) -> None:
    finding = site_tick([(HERE, DARK), (NEAR, neighbour)])
    assert finding
    assert finding.evidence["cause"] == "power_cut"


def test_boxes_of_another_feeder_do_not_count_while_there_are_some_of_its_own() -> None:
    out = replace(RIGHT, box_id=FAR.box_id, last_frame_unix_ns=NOW - 12 * NS)
    finding = site_tick([(HERE, DARK), (NEAR, RIGHT), (FAR, out)])
    assert finding
    assert finding.evidence["cause"] == "unplugged"
    alone = site_tick([(HERE, DARK), (FAR, out)])
    assert alone
    assert alone.evidence["cause"] == "power_cut"


def test_without_neighbours_only_the_loss_of_power_is_said() -> None:
    finding = site_tick([(HERE, DARK)])
    assert finding
    assert finding.evidence["cause"] == "power_lost"


@pytest.mark.parametrize("status", [replace(DARK, power=Power.MAINS), replace(DARK, u_rms_v=118.0)])
def test_without_mains_on_mains_or_with_mains_on_battery_is_no_outage(status: BoxStatus) -> None:
    assert site_tick([(HERE, status), (NEAR, RIGHT)]) is None


def test_a_neighbour_that_falls_silent_a_moment_later_turns_unplugged_into_a_power_cut_for_good() -> None:
    unplugged = site_tick([(HERE, DARK), (NEAR, RIGHT)])
    assert unplugged
    assert site_tick([(HERE, DARK), (NEAR, RIGHT)], unplugged) is None
    later = NOW + 11 * NS
    still_dark = replace(DARK, last_frame_unix_ns=later - NS, battery_pct=92.0)
    cut = site_tick([(HERE, still_dark), (NEAR, RIGHT)], unplugged, now=later)
    assert cut
    assert cut.evidence["cause"] == "power_cut"
    back = replace(RIGHT, last_frame_unix_ns=later + 9 * NS)
    dark_yet = replace(still_dark, last_frame_unix_ns=later + 9 * NS)
    assert site_tick([(HERE, dark_yet), (NEAR, back)], cut, now=later + 10 * NS) is None


def test_an_empty_battery_makes_it_silent_in_the_same_outage_and_mains_end_it() -> None:
    unplugged = site_tick([(HERE, DARK), (NEAR, RIGHT)])
    assert unplugged
    later = NOW + 3600 * NS
    near = replace(RIGHT, last_frame_unix_ns=later)
    assert site_tick([(HERE, DARK), (NEAR, near)], unplugged, now=later) is None
    plugged_in = replace(
        DARK, last_frame_unix_ns=later, u_rms_v=119.0, power=Power.MAINS, boot_id="boot-9", connected_unix_ns=later - 5
    )
    ended = site_tick([(HERE, plugged_in), (NEAR, near)], unplugged, now=later)
    assert ended
    assert (ended.open_end, ended.evidence["cause"], ended.end_unix_ns) == (False, "unplugged", later - 5)


def test_a_box_without_battery_that_gasped_lost_its_power_whatever_its_neighbours_do() -> None:
    gone = replace(QUIET, last_gasp_unix_ns=QUIET.last_frame_unix_ns, power=Power.MAINS)
    finding = site_tick([(HERE, gone), (NEAR, RIGHT)])
    assert finding
    assert finding.evidence["cause"] == "power_lost"


def test_a_box_whose_clock_was_set_back_is_not_out_as_long_as_it_is_heard() -> None:
    back = replace(QUIET, heard_unix_ns=NOW - NS)
    assert tick(back) == []
    (lasting,) = tick(replace(QUIET, heard_unix_ns=NOW - 11 * NS))
    (ended,) = tick(back, lasting)
    assert not ended.open_end
