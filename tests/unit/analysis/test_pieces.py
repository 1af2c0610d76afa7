"""A recording in pieces: cut in quiet moments, at the latest after a minute, and nothing at a cut is lost or found twice."""

import itertools
from collections import Counter

import numpy as np
import pytest

from opq.analysis import Analyzer, pieces
from opq.analysis.pieces import AFTER_S, LEAST_S, MOST_S, Piece, PieceCutter
from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.incidents import Finding
from opq.signal.meter import CycleMeter
from opq.testing.waves import Impulse, Step, Wave

US, EU = Nominal(120, 60), Nominal(230, 50)
RATE = 12000.0


def cut(wave: Wave, duration_s: float, start_unix_ns: int = 0) -> list[Piece]:
    """Return the pieces of a wave."""
    volts = wave.volts(duration_s)
    meter = CycleMeter(RATE, wave.nominal, 24, spectra=False)
    cutter = PieceCutter(RATE, wave.nominal, start_unix_ns)
    found: list[Piece] = []
    for at in range(0, len(volts), 12_000):
        block = volts[at : at + 12_000]
        measured = meter.feed(block)
        found += cutter.feed(block, None if measured is None else measured.half_cycles)
    found += cutter.feed(np.empty(0), meter.finish().half_cycles)
    return found + cutter.finish()


def analyse(volts: np.ndarray, nominal: Nominal) -> list[Finding]:
    analyzer = Analyzer(RATE, nominal)
    analyzer.feed(volts)
    return analyzer.finish().incidents


def test_a_quiet_recording_is_cut_every_ten_seconds() -> None:
    found = cut(Wave(US, f_hz=60.02, noise_v=0.05), 35)
    cuts = [piece.to_unix_ns / NS for piece in found[:-1]]
    np.testing.assert_allclose(cuts, [LEAST_S, 2 * LEAST_S, 3 * LEAST_S], atol=0.05)


def test_pieces_count_every_moment_once() -> None:
    found = cut(Wave(EU, noise_v=0.05, steps=[Step(9.7, 11, 0.6), Step(19.99, 20.1, 1.2)]), 45, 7 * NS)
    assert found[0].from_unix_ns < 0
    assert found[-1].to_unix_ns > 2**61
    for before, after in itertools.pairwise(found):
        assert before.to_unix_ns == after.from_unix_ns


def test_a_piece_begins_with_the_quiet_second_before_its_cut_and_ends_a_quarter_second_after_the_next() -> None:
    found = cut(Wave(EU, noise_v=0.05), 35)
    for before, after in itertools.pairwise(found):
        series = after.record.half_cycles
        assert (before.to_unix_ns - series.start_unix_ns[0]) / NS == pytest.approx(1.0, abs=0.02)
        assert (before.record.half_cycles.end_unix_ns[-1] - before.to_unix_ns) / NS == pytest.approx(AFTER_S, abs=0.03)
        segment = after.record.segment
        assert abs(segment.start_unix_ns - series.start_unix_ns[0]) < 2 * NS / RATE


@pytest.mark.parametrize(
    "steps", [[Step(8, 13.3, 0.7)], [Step(9.5, 11, 1.3)], [Step(t, t + 0.05, 0.94) for t in np.arange(8, 14, 0.4)]]
)
def test_cuts_wait_for_a_quiet_second(steps: list[Step]) -> None:
    found = cut(Wave(US, steps=steps), 30)
    at_s = found[0].to_unix_ns / NS
    assert at_s == pytest.approx(steps[-1].end_s + 1, abs=0.06)


def test_where_nothing_is_quiet_the_cut_is_made_after_a_minute() -> None:
    found = cut(Wave(US, pu=0.85), 130)
    np.testing.assert_allclose([piece.to_unix_ns / NS for piece in found[:-1]], [MOST_S, 2 * MOST_S], atol=0.05)
    series = [piece.record.half_cycles for piece in found]
    for before, after in itertools.pairwise(series):
        assert before.end_unix_ns[-1] == after.start_unix_ns[0]


@pytest.mark.parametrize("duration_s", [0.0, 0.01, 0.05])
def test_what_has_no_two_half_cycles_has_no_piece(duration_s: float) -> None:
    assert cut(Wave(US), duration_s) == []


KINDS = {
    "impulse": Counter(IMPULSIVE_TRANSIENT=1),
    "short sag": Counter(VOLTAGE_SAG=1, ITIC_NO_DAMAGE=1),
    "sag": Counter(VOLTAGE_SAG=1, ITIC_NO_DAMAGE=1, SEMI_F47_VIOLATION=1),
    "swell": Counter(VOLTAGE_SWELL=1, ITIC_PROHIBITED=1),
    "rapid change": Counter(RAPID_VOLTAGE_CHANGE=1),
}


def with_one(kind: str, nominal: Nominal, mark_s: float, at_s: float, phase_deg: float) -> Wave:
    steps, impulses = [], []
    if kind == "impulse":
        impulses = [Impulse(at_s, 0.0005, 0.9 * nominal.u_din_v)]
    else:
        length_s, pu = {
            "short sag": (3 / nominal.f_hz, 0.6),
            "sag": (0.7, 0.4),
            "swell": (0.7, 1.3),
            "rapid change": (99.0, 0.93),
        }[kind]
        steps = [Step(at_s, at_s + length_s, pu)]
    return Wave(
        nominal,
        f_hz=nominal.f_hz + 0.013,
        phase_deg=phase_deg,
        steps=steps,
        impulses=impulses,
        noise_v=0.0002 * nominal.u_din_v,
    )


OFFSETS_S = (-1.012, -1.004, -0.996, -0.25, -0.008, -0.003, 0.001, 0.004, 0.006, 0.008, 0.011, 0.26)
"""Around a cut: the second before it belongs to both pieces, and so does the quarter second after it."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mark_s", [10.0, 20.0])
def test_what_happens_around_a_cut_is_found_exactly_once_and_whole(kind: str, mark_s: float) -> None:
    for number, offset_s in enumerate(OFFSETS_S):
        nominal = (US, EU)[number % 2]
        wave = with_one(kind, nominal, mark_s, mark_s + offset_s, phase_deg=37.0 * number)
        found = analyse(wave.volts(mark_s + 3.5), nominal)
        case = f"{kind}, {nominal.f_hz:g} Hz, {mark_s + offset_s:g} s"
        assert Counter(each.incident_class.value for each in found) == KINDS[kind], case
        assert not any(each.open_start or each.open_end for each in found), case
        for each in found:
            assert each.start_unix_ns / NS == pytest.approx(mark_s + offset_s, abs=1.2 / nominal.f_hz), case


@pytest.mark.parametrize("begin_s", [9.2, 9.9, 10.001, 10.1])
def test_notching_that_lasts_across_a_cut_is_one_incident(begin_s: float) -> None:
    wave = Wave(US, f_hz=60.01, noise_v=0.02)
    volts = wave.volts(16)
    notched = np.zeros(len(volts), np.bool_)
    per_half_cycle = RATE / 120.02
    for number in range(int(begin_s * 120.02), int(14 * 120.02)):
        at = round((number + 0.4) * per_half_cycle)
        notched[at : at + 6] = True
    volts[notched] *= 0.4
    found = analyse(volts, US)
    (notching,) = (each for each in found if each.incident_class.value == "PERIODIC_NOTCHING")
    assert notching.start_unix_ns / NS == pytest.approx(begin_s, abs=0.3)
    assert notching.end_unix_ns / NS == pytest.approx(14, abs=0.3)
    assert {each.incident_class.value for each in found} == {"PERIODIC_NOTCHING", "EXCESSIVE_THD"}


def test_a_sag_at_the_very_end_of_a_recording_is_found_and_open() -> None:
    found = analyse(Wave(US, steps=[Step(11.9, 99, 0.5)]).volts(12), US)
    (sag,) = (each for each in found if each.incident_class.value == "VOLTAGE_SAG")
    assert sag.open_end
    assert sag.end_unix_ns / NS == pytest.approx(12, abs=0.02)


def test_parts_of_a_long_disturbance_are_joined_over_forced_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MOST_S", 4.0)
    monkeypatch.setattr(pieces, "LEAST_S", 2.0)
    found = analyse(Wave(EU, f_hz=49.98, steps=[Step(3, 25, 0.7)]).volts(30), EU)
    (sag,) = (each for each in found if each.incident_class.value == "VOLTAGE_SAG")
    assert sag.duration_ns / NS == pytest.approx(22, abs=0.02)
    assert not sag.open_end
    (semi,) = (each for each in found if each.incident_class.value == "SEMI_F47_VIOLATION")
    assert max(semi.evidence["level_measured_s"]) == pytest.approx(22, abs=0.05)


def test_pieces_do_not_depend_on_the_blocks() -> None:
    wave = Wave(US, f_hz=60.02, steps=[Step(9.99, 10.4, 0.8)], impulses=[Impulse(20.0, 0.0005, 100)], noise_v=0.02)
    volts = wave.volts(25)
    whole = analyse(volts, US)
    analyzer = Analyzer(RATE, US)
    for at in range(0, len(volts), 1777):
        analyzer.feed(volts[at : at + 1777])
    parts = analyzer.finish().incidents
    assert [(each.incident_class, each.start_unix_ns) for each in parts] == [
        (each.incident_class, each.start_unix_ns) for each in whole
    ]
