"""Half cycles and basic windows of one gapless stretch of samples: the core under live and stored measurement alike."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from opq.model.boxes import Nominal
from opq.model.waveforms import VoltArray
from opq.signal.cycles import Crossings, CycleTracker
from opq.signal.spectrum import Spectra, SpectrumMeter

BoolArray = npt.NDArray[np.bool_]

_MARGIN = 2
"""Samples kept before the oldest position still needed: the interpolation reaches one back [sample]."""
_PAIR = 4
"""Half cycles in a cycle pair."""


@dataclass(frozen=True, slots=True, eq=False)
class HalfCycles:
    """Consecutive half cycles as columns; the first begins at a rising zero crossing.

    Attributes
    ----------
    index : (h,) int64
        Whole part of the end's position, from the first sample of the stretch [sample].
    fraction : (h,) float64
        Rest of the end's position [sample].
    length : (h,) float64
        Duration [sample].
    energy : (h,) float64
        Sum of squares between the crossings, with parts of samples at the edges [V^2 sample].
    peak_v : (h,) float64
        Largest absolute sample [V].
    u_rms_half_v : (h,) float64
        Urms(1/2): rms over this half cycle and the one before [V] (IEC 61000-4-30); the first of a stretch stands alone.
    f_pair_hz : (h,) float64
        Frequency over the two cycles that end here [Hz]; over less at the beginning of a stretch and after lost voltage.
    lost : (h,) bool
        The phase was continued, not measured.
    """

    index: npt.NDArray[np.int64]
    fraction: VoltArray
    length: VoltArray
    energy: VoltArray
    peak_v: VoltArray
    u_rms_half_v: VoltArray
    f_pair_hz: VoltArray
    lost: BoolArray

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: slice) -> "HalfCycles":
        return HalfCycles(*(getattr(self, field.name)[rows] for field in fields(self)))

    @staticmethod
    def concatenate(parts: "list[HalfCycles]") -> "HalfCycles":
        """Join what follows each other, at least one part."""
        return HalfCycles(
            *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(HalfCycles))
        )


@dataclass(frozen=True, slots=True, eq=False)
class BasicWindows:
    """Consecutive windows of N cycles as columns (IEC 61000-4-30: 10 cycles at 50 Hz, 12 at 60 Hz).

    Attributes
    ----------
    end_half_cycle : (w,) int64
        Half cycles of the stretch up to the end of each.
    start, end : (w,) float64
        Positions from the first sample of the stretch [sample].
    energy : (w,) float64
        Sum of squares [V^2 sample].
    u_half_v : (w, 2N) float64
        Each Urms(1/2) that ends in it [V].
    lost : (w,) bool
        The phase was continued somewhere in it, so that frequency and spectrum mean nothing.
    spectra : Spectra, optional
        Of the same windows, if they are measured.
    """

    end_half_cycle: npt.NDArray[np.int64]
    start: VoltArray
    end: VoltArray
    energy: VoltArray
    u_half_v: VoltArray
    lost: BoolArray
    spectra: Spectra | None

    def __len__(self) -> int:
        return len(self.start)

    @property
    def u_rms_v(self) -> VoltArray:
        """Rms over each window, (w,) [V]."""
        return np.sqrt(self.energy / (self.end - self.start))


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What a stretch gave since the last call: the half cycles and basic windows that became complete."""

    half_cycles: HalfCycles
    basic: BasicWindows


@dataclass(slots=True)
class Ticks:
    """Where windows begin anew: the first rising crossing at or after each tick begins one (IEC 61000-4-30, 4.5; M).

    The window before is completed and overlaps it.

    Attributes
    ----------
    next : float
        Position of the next tick [sample].
    period : float
        Distance of ticks [sample].
    """

    next: float
    period: float


class CycleMeter:
    """Measure one gapless stretch of samples, in blocks of any size.

    Parameters
    ----------
    sample_rate_hz : float
        Sample rate [Hz].
    nominal : Nominal
        Declared supply.
    every : int
        Results are given when another `every` half cycles are complete, or a basic window if that is less: small blocks
        then cost little.
    spectra : bool
        Whether the spectra of basic windows are measured.
    ticks : Ticks, optional
        Where basic windows begin anew; without, they follow each other for ever.
    signalling_hz : float
        Frequency of mains signalling that is measured [Hz]; 0 for none.
    """

    def __init__(
        self,
        sample_rate_hz: float,
        nominal: Nominal,
        every: int,
        *,
        spectra: bool = True,
        ticks: Ticks | None = None,
        signalling_hz: float = 0.0,
    ) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._every = min(every, 2 * nominal.cycles)
        self._window = 2 * nominal.cycles
        self._tracker = CycleTracker(sample_rate_hz, nominal)
        self._spectra = SpectrumMeter(sample_rate_hz, nominal.f_hz, nominal.cycles, signalling_hz) if spectra else None
        self._ticks = ticks
        self._volts: VoltArray = np.empty(0)
        self._base = 0
        self._crossings = Crossings.empty()
        self._measured_crossings = 0
        self._until_due = 1 + self._every
        self._window_start = 0
        self._dropped_crossings = 0
        self._energy = np.zeros(1)
        self._u_half = np.zeros(1)
        self._last_energy = 0.0
        self._last_length = 0.0

    def feed(self, volts: VoltArray) -> Measured | None:
        """Take (n,) finite samples [V]; return what became complete, at most three cycles behind, or None."""
        self._volts = np.concatenate([self._volts, volts])
        fresh = self._tracker.feed(volts)
        self._crossings = Crossings.concatenate(self._crossings, fresh)
        self._until_due -= len(fresh)
        if self._until_due > 0:
            return None
        self._until_due = self._until_due % self._every or self._every
        return self._measure()

    def finish(self) -> Measured:
        """Return what is complete up to the last sample; nothing may be fed after it."""
        crossings = self._tracker.finish()
        inside = crossings.relative_to(self._base) + 0.5 < len(self._volts)
        self._crossings = Crossings.concatenate(self._crossings, crossings[: int(inside.sum())])
        return self._measure()

    def _measure(self) -> Measured:
        """Measure what lies between the crossings found and not yet measured."""
        position = self._crossings.relative_to(self._base)
        half_cycles = self._half_cycles(position, max(self._measured_crossings, 1))
        self._energy = np.concatenate([self._energy, self._energy[-1] + np.cumsum(half_cycles.energy)])
        self._u_half = np.concatenate([self._u_half, half_cycles.u_rms_half_v])
        basic = self._basic_windows(position)
        self._forget(position)
        self._measured_crossings = len(self._crossings)
        return Measured(half_cycles, basic)

    def _half_cycles(self, position: VoltArray, first: int) -> HalfCycles:
        """Measure the half cycles that end at crossings `first` and later."""
        edges = position[first - 1 :]
        ends = slice(first, None)
        if len(edges) < 2:
            edges = edges[:0]
        energy, peak = self._between(edges)
        length = np.diff(edges)
        energy_before = np.concatenate([[self._last_energy], energy[:-1]])[: len(energy)]
        length_before = np.concatenate([[self._last_length], length[:-1]])[: len(length)]
        if len(energy):
            self._last_energy, self._last_length = float(energy[-1]), float(length[-1])
        end = np.arange(first, len(position))
        last_lost = np.maximum.accumulate(np.where(self._crossings.lost, np.arange(len(position)), 0))[ends]
        begin = np.minimum(np.maximum(end - _PAIR, last_lost), end - 1)
        return HalfCycles(
            index=self._crossings.index[ends],
            fraction=self._crossings.fraction[ends],
            length=length,
            energy=energy,
            peak_v=peak,
            u_rms_half_v=np.sqrt((energy_before + energy) / (length_before + length)),
            f_pair_hz=(end - begin) / 2 * self._sample_rate_hz / (position[end] - position[begin]),
            lost=self._crossings.lost[ends],
        )

    def _between(self, edges: VoltArray) -> tuple[VoltArray, VoltArray]:
        """Return sum of squares [V^2 sample] and largest absolute value [V] between consecutive positions.

        A sample stands for the time half a sample around it, so an edge cuts the square of one sample; edges lie at
        zero crossings, where that square is next to nothing.
        """
        if not len(edges):
            return np.empty(0), np.empty(0)
        first, last = int(edges[0]), int(edges[-1]) + 2
        volts = self._volts[first:last]
        squares = np.append(np.square(volts), 0.0)
        total = np.concatenate([[0.0], np.cumsum(squares)])
        place = edges - first + 0.5
        whole = place.astype(np.intp)
        energy = np.diff(total[whole] + (place - whole) * squares[whole])
        begin = np.ceil(edges - first).astype(np.intp)
        return energy, np.maximum.reduceat(np.abs(volts[: begin[-1]]), begin[:-1])

    def _basic_windows(self, position: VoltArray) -> BasicWindows:
        """Measure the basic windows whose last crossing is known."""
        first = np.array(self._take_windows(position), np.int64)
        last = first + self._window
        start, end = position[first], position[last]
        inside = first[:, None] + np.arange(1, self._window + 1)
        return BasicWindows(
            end_half_cycle=self._dropped_crossings + last,
            start=self._base + start,
            end=self._base + end,
            energy=self._energy[last] - self._energy[first],
            u_half_v=self._u_half[inside],
            lost=self._crossings.lost[inside].any(axis=1),
            spectra=None if self._spectra is None else self._spectra.measure(self._volts, start, end),
        )

    def _take_windows(self, position: VoltArray) -> list[int]:
        """Return the crossings at which the windows begin that are complete, and note where the next one begins."""
        first: list[int] = []
        if not len(position):
            return first
        if self._ticks is not None:
            while self._ticks.next <= self._base + position[self._window_start]:
                self._ticks.next += self._ticks.period
        while self._window_start + self._window < len(position):
            first.append(self._window_start)
            self._window_start += self._window
            if self._ticks is not None and self._base + position[self._window_start] > self._ticks.next:
                after = int(np.searchsorted(position, self._ticks.next - self._base))
                self._window_start -= (self._window_start - after) // 2 * 2
                self._ticks.next += self._ticks.period
        return first

    def _forget(self, position: VoltArray) -> None:
        """Drop the crossings and samples that no later window or cycle pair needs."""
        if not len(position):
            return
        dropped = max(0, int(position[self._window_start]) - _MARGIN)
        self._volts = self._volts[dropped:]
        self._base += dropped
        kept = max(0, min(self._window_start, len(position) - _PAIR))
        self._crossings = self._crossings[kept:]
        self._energy = self._energy[kept:] - self._energy[kept]
        self._u_half = self._u_half[kept:]
        self._dropped_crossings += kept
        self._window_start -= kept
