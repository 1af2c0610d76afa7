"""From the samples of one channel to its analysis, in blocks of any size and bounded memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from opq.analysis.nominal import MOST_V
from opq.analysis.pieces import Piece, PieceCutter
from opq.analysis.result import QUANTITIES, Analysis, FlickerSeverity, WaveformSlice
from opq.analysis.severity import RecordingSeverity, flicker_findings
from opq.classifiers import (
    Classifier,
    DistortionClassifier,
    EnvelopeClassifier,
    FrequencyClassifier,
    RapidChangeClassifier,
    Record,
    TransientClassifier,
    VoltageClassifier,
    join_parts,
)
from opq.classifiers.base import PartLike
from opq.clock import NS
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.features import WindowFlag, Windows
from opq.model.incidents import Finding
from opq.model.waveforms import VoltageSegment, VoltArray
from opq.signal.aggregation import LONG_NS, SHORT_WINDOWS, TICK_NS, Aggregator, Intervals
from opq.signal.meter import BasicWindows, CycleMeter, HalfCycles, Measured, Ticks
from opq.signal.segments import HalfCycleSeries, middle_halves
from opq.signal.spectrum import Spectra
from opq.signal.ten_seconds import TenSecondFrequency, TenSecondMeter
from opq.signal.windows import FLAGGED_PU, FormedWindows, WindowFormer

BLOCK_S = 10.0
"""Samples are measured in blocks of so long [s], however they come: long enough that the calls cost nothing beside the work."""
MOST_SLICES = 60
"""Waveforms kept for pictures: those of the first incidents. A storm has thousands, and nobody looks at all of them."""
_SLICE_BEFORE_S = 0.1
_SLICE_MOST_S = 1.0
_TWIN_NS = 20_000_000
"""Two pieces may time the beginning of the same thing so differently: about a cycle [ns]."""
RECORDING = BoxId("recording")
"""Stands for the box in the findings of a recording."""


def waveform_classifiers() -> list[Classifier[Any]]:
    """Return what every analysis looks for in the waveform."""
    return [
        VoltageClassifier(),
        RapidChangeClassifier(),
        TransientClassifier(),
        EnvelopeClassifier.built_in("itic"),
        EnvelopeClassifier.built_in("semi_f47"),
    ]


@dataclass(slots=True)
class _Found:
    """What one classifier has found so far."""

    classifier: Classifier[Any]
    settled: list[Any] = field(default_factory=list)
    near: list[Any] = field(default_factory=list)
    """Parts that may go on in the next piece, or be shown by it too."""

    @property
    def parts(self) -> list[Any]:
        """All of them."""
        return self.settled + self.near


class Analyzer:
    """Analyse one channel.

    Parameters
    ----------
    sample_rate_hz : float
        Sample rate [Hz].
    nominal : Nominal
        Declared supply.
    start_unix_ns : int
        Time of the first sample [ns since the epoch]; intervals of the clock count from 0 if it is 0.
    further : sequence of Classifier
        What is looked for in the waveform beside what every analysis looks for.
    series : bool
        Keep every basic window and half cycle: about 10 MB per hour.
    signalling_hz : float
        Frequency of mains signalling that is measured [Hz]; 0 for none.
    """

    def __init__(
        self,
        sample_rate_hz: float,
        nominal: Nominal,
        start_unix_ns: int = 0,
        further: Sequence[Classifier[Any]] = (),
        *,
        series: bool = False,
        signalling_hz: float = 0.0,
    ) -> None:
        self._sample_rate_hz, self.nominal, self._start_unix_ns = sample_rate_hz, nominal, start_unix_ns
        self._found = [_Found(each) for each in (*waveform_classifiers(), *further)]
        first_tick = (-start_unix_ns % TICK_NS) * sample_rate_hz / NS
        ticks = Ticks(first_tick, TICK_NS / NS * sample_rate_hz)
        self._meter = CycleMeter(sample_rate_hz, nominal, 2 * nominal.cycles, ticks=ticks, signalling_hz=signalling_hz)
        self._former = WindowFormer(sample_rate_hz, nominal, nominal.cycles)
        self._pieces = PieceCutter(sample_rate_hz, nominal, start_unix_ns)
        self._frequency = TenSecondMeter(sample_rate_hz, start_unix_ns)
        self._severity = RecordingSeverity(sample_rate_hz, nominal, start_unix_ns)
        self._aggregators = (Aggregator(TICK_NS, SHORT_WINDOWS), Aggregator(TICK_NS), Aggregator(LONG_NS))
        self._intervals: tuple[list[Intervals], ...] = ([], [], [])
        self._windows: list[Windows] = []
        self._slots: list[TenSecondFrequency] = []
        self._series = series
        self._basic: list[Intervals] = []
        self._half_cycles: list[HalfCycles] = []
        self._slices: list[tuple[VoltageSegment, HalfCycleSeries, int, int]] = []
        self._flagged_ends: VoltArray = np.empty(0)
        self._u_half = (np.inf, -np.inf)
        self._fed = 0
        self._not_finite = 0
        self._waiting: list[VoltArray] = []
        self._waiting_samples = 0

    def feed(self, volts: VoltArray) -> None:
        """Take (n,) samples [V]; those that are no numbers, or beyond any voltage, count as 0 V and are said in `quality`."""
        self._waiting.append(volts)
        self._waiting_samples += len(volts)
        block = round(BLOCK_S * self._sample_rate_hz)
        if self._waiting_samples < block:
            return
        samples = np.concatenate(self._waiting) if len(self._waiting) > 1 else volts
        whole = len(samples) // block * block
        for begin in range(0, whole, block):
            self._measure(samples[begin : begin + block])
        self._waiting, self._waiting_samples = [samples[whole:]], len(samples) - whole

    def finish(self) -> Analysis:
        """Return the analysis of all samples; nothing may be fed after it."""
        waiting = np.concatenate([np.empty(0), *self._waiting])
        if len(waiting):
            self._measure(waiting)
        rest_measured = self._meter.finish()
        self._take(rest_measured)
        if (rest := self._former.rest()) is not None and not any(map(len, self._windows)):
            self._windows.append(self._stamped(rest))
        self._slots.append(self._frequency.finish(self._fed))
        for piece in [*self._pieces.feed(np.empty(0), rest_measured.half_cycles), *self._pieces.finish()]:
            self._classify(piece)
        for aggregator, intervals in zip(self._aggregators[:2], self._intervals[:2], strict=True):
            last = aggregator.finish()
            intervals += last
            if aggregator is self._aggregators[1]:
                self._add_long(last)
        self._intervals[2].extend(self._aggregators[2].finish())
        return self._analysis()

    def _measure(self, volts: VoltArray) -> None:
        finite = np.abs(volts) < MOST_V
        if not finite.all():
            self._not_finite += int((~finite).sum())
            volts = np.where(finite, volts, 0.0)
        self._fed += len(volts)
        self._severity.feed(volts)
        measured = self._meter.feed(volts)
        if measured is not None:
            self._take(measured)
        for piece in self._pieces.feed(volts, None if measured is None else measured.half_cycles):
            self._classify(piece)

    def _take(self, measured: Measured) -> None:
        """Add what the meter gave to windows, aggregates and frequency."""
        half_cycles, basic = measured.half_cycles, measured.basic
        if len(half_cycles):
            u_half = half_cycles.u_rms_half_v[1:] if not self._windows and not self._slots else half_cycles.u_rms_half_v
            if len(u_half):
                self._u_half = (min(self._u_half[0], float(u_half.min())), max(self._u_half[1], float(u_half.max())))
        if self._series:
            self._half_cycles.append(half_cycles)
        formed = self._former.feed(measured)
        disturbed = self._with_disturbed_spectrum(formed, basic)
        self._windows.append(
            self._stamped(replace(formed, flags=formed.flags | disturbed * np.uint32(WindowFlag.FLAGGED)))
        )
        self._slots.append(self._frequency.feed(half_cycles.index + half_cycles.fraction, half_cycles.lost))
        if basic.spectra is not None and len(basic):
            self._aggregate(basic, basic.spectra)

    def _stamped(self, formed: FormedWindows) -> Windows:
        """Give windows their times."""
        begin, end = self._times(formed.start[0] + formed.start[1]), self._times(formed.end[0] + formed.end[1])
        # The flicker of a recording is that of `FlickerSeverity`; windows of boxes carry it, these have none.
        return Windows(begin, end - begin, formed.flags, formed.values.astype(np.float32))

    def _flagged(self, basic: BasicWindows) -> npt.NDArray[np.bool_]:
        """Return which basic windows have a dip, swell or interruption in them, or no voltage."""
        u_din_v = self.nominal.u_din_v
        low = basic.u_half_v.min(axis=1) < FLAGGED_PU[0] * u_din_v
        return np.asarray(basic.lost | low | (basic.u_half_v.max(axis=1) > FLAGGED_PU[1] * u_din_v))

    def _with_disturbed_spectrum(self, formed: FormedWindows, basic: BasicWindows) -> npt.NDArray[np.bool_]:
        """Return which windows have the distortion of a flagged basic window.

        Basic windows begin anew at each tick, the windows do not: after one, a basic window ends within a window and
        begins in the one before.
        """
        ends = np.concatenate([self._flagged_ends, basic.end[self._flagged(basic)]])
        begin, end = formed.start[0] + formed.start[1], formed.end[0] + formed.end[1]
        first, last = np.searchsorted(ends, [begin + 0.5, end + 0.5])
        self._flagged_ends = ends[last[-1] :] if len(last) else ends
        return np.asarray(last > first)

    def _aggregate(self, basic: BasicWindows, spectra: Spectra) -> None:
        u_din_v = self.nominal.u_din_v
        flagged = self._flagged(basic)
        first_columns = [basic.u_rms_v, np.minimum(basic.u_rms_v, u_din_v), np.maximum(basic.u_rms_v, u_din_v)]
        values = np.concatenate(
            [
                np.stack([*first_columns, spectra.thd_pct], axis=1),
                spectra.harmonics_v,
                spectra.interharmonics_v,
                spectra.bands_v,
                spectra.signalling_v[:, None],
            ],
            axis=1,
        )
        complete = np.ones(len(basic), np.bool_)
        windows = Intervals(self._times(basic.start), self._times(basic.end), flagged, complete, values)
        self._severity.flag(windows)
        if self._series:
            self._basic.append(windows)
        self._intervals[0].extend(self._aggregators[0].feed(windows))
        longer = self._aggregators[1].feed(windows)
        self._intervals[1].extend(longer)
        self._add_long(longer)

    def _add_long(self, ten_minutes: list[Intervals]) -> None:
        for interval in ten_minutes:
            self._intervals[2].extend(self._aggregators[2].feed(interval))

    def _classify(self, piece: Piece) -> None:
        """Run the classifiers on a piece and join what the piece before began.

        Two pieces overlap, and both may show what lies at their cut: what the later one shows from its beginning takes the
        place of what the earlier one knew, what it shows without its beginning goes on with it.
        """
        early_unix_ns = piece.from_unix_ns - _TWIN_NS
        for found in self._found:
            near = [part for part in found.near if part.open_end or part.end_unix_ns > early_unix_ns]
            found.settled += [part for part in found.near if not (part.open_end or part.end_unix_ns > early_unix_ns)]
            fresh = []
            for part in found.classifier.find(piece.record):
                if part.start_unix_ns >= piece.to_unix_ns:
                    continue
                same = [each for each in near if found.classifier.same_kind(each, part)]
                twins = [each for each in same if _touch(each, part)]
                if (
                    part.start_unix_ns < early_unix_ns
                    and not twins
                    and not (part.open_start and any(each.open_end for each in same))
                ):
                    continue
                if not part.open_start:
                    near = [each for each in near if all(each is not twin for twin in twins)]
                fresh.append(part)
                self._keep_slice(piece, part)
            found.near = join_parts(near, fresh, found.classifier)

    def _keep_slice(self, piece: Piece, part: Any) -> None:
        """Keep the waveform around the beginning of an incident."""
        if len(self._slices) >= MOST_SLICES:
            return
        segment, series = piece.record.segment, piece.record.half_cycles
        begin_ns = part.start_unix_ns - round(_SLICE_BEFORE_S * NS)
        end_ns = min(part.end_unix_ns + round(_SLICE_BEFORE_S * NS), begin_ns + round(_SLICE_MOST_S * NS))
        if any(kept[2] <= begin_ns and end_ns <= kept[3] for kept in self._slices):
            return
        rate = segment.sample_rate_hz
        first, last = (round((at - segment.start_unix_ns) * rate / NS) for at in (begin_ns, end_ns))
        first, last = max(first, 0), max(last, 0)
        start = segment.start_unix_ns + round(first * NS / rate)
        kept_segment = VoltageSegment(start, rate, segment.volts[first:last].copy())
        long_end = part.end_unix_ns + round(_SLICE_BEFORE_S * NS)
        low, high = np.searchsorted(series.start_unix_ns, [begin_ns, long_end])
        rows = slice(int(low), int(high))
        kept_series = HalfCycleSeries(
            series.start_unix_ns[rows].copy(), series.end_unix_ns[rows].copy(), series.u_rms_half_v[rows].copy()
        )
        self._slices.append((kept_segment, kept_series, begin_ns, end_ns))

    def _analysis(self) -> Analysis:
        windows = Windows.concatenate(self._windows)
        flicker = self._severity.finish()
        incidents = self._incidents(windows, flicker)
        flags = windows.flags
        u_din_v = self.nominal.u_din_v
        low, high = self._u_half
        return Analysis(
            nominal=self.nominal,
            sample_rate_hz=self._sample_rate_hz,
            start_unix_ns=self._start_unix_ns,
            samples=self._fed,
            windows=windows,
            basic=_joined(self._basic),
            half_cycles=self._half_cycle_series(),
            short=_joined(self._intervals[0]),
            ten_minutes=_joined(self._intervals[1]),
            two_hours=_joined(self._intervals[2]),
            frequency=TenSecondFrequency.concatenate(self._slots),
            flicker=flicker,
            u_half_pu=(low / u_din_v, high / u_din_v) if high >= low else (float("nan"), float("nan")),
            incidents=incidents,
            slices=self._numbered_slices(incidents),
            quality={
                "samples": self._fed,
                "not_finite_samples": self._not_finite,
                "windows": len(windows),
                "flagged_windows": int(((flags & WindowFlag.FLAGGED) > 0).sum()),
                "voltage_lost_windows": int(((flags & WindowFlag.VOLTAGE_LOST) > 0).sum()),
            },
        )

    def _incidents(self, windows: Windows, flicker: FlickerSeverity) -> list[Finding]:
        """Make findings of all parts, of the windows and of the flicker."""
        nothing = VoltageSegment(self._start_unix_ns, self._sample_rate_hz, np.empty(0))
        whole = Record(nothing, self.nominal, windows=windows)
        found = self._found + [
            _Found(each, each.find(whole)) for each in (FrequencyClassifier(), DistortionClassifier())
        ]
        findings = [each.classifier.finding(part, RECORDING, self.nominal) for each in found for part in each.parts]
        findings += flicker_findings(flicker, RECORDING)
        return sorted((finding for finding in findings if finding is not None), key=lambda each: each.start_unix_ns)

    def _half_cycle_series(self) -> HalfCycleSeries:
        """Return every Urms(1/2) with the middle half of its cycle, if they were kept."""
        if not self._half_cycles:
            none = np.empty(0, np.int64)
            return HalfCycleSeries(none, none, np.empty(0))
        return middle_halves(HalfCycles.concatenate(self._half_cycles), self._times)

    def _numbered_slices(self, incidents: list[Finding]) -> list[WaveformSlice]:
        """Give each incident the slice in which it begins, if one was kept."""
        numbered = []
        for number, incident in enumerate(incidents):
            for segment, series, begin_ns, end_ns in self._slices:
                if begin_ns <= incident.start_unix_ns < end_ns:
                    numbered.append(WaveformSlice(number, segment, series))
                    break
        return numbered

    def _times(self, position: VoltArray) -> np.ndarray[Any, np.dtype[np.int64]]:
        return self._start_unix_ns + np.rint(position * (NS / self._sample_rate_hz)).astype(np.int64)


def _touch(one: PartLike, other: PartLike) -> bool:
    return one.start_unix_ns < other.end_unix_ns + _TWIN_NS and other.start_unix_ns < one.end_unix_ns + _TWIN_NS


def _joined(rows: list[Intervals]) -> Intervals:
    return Intervals.concatenate([Intervals.none(len(QUANTITIES)), *rows])
