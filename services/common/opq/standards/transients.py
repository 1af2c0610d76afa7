"""Transients of a record and what they are called (IEEE 1159-2019, table 2, categories 1.1, 1.2.1 and 5.4).

What is there is measured in `opq.signal`; here are the rules that give it a name. Rules, not a trained model: each can be
checked against the evidence by a person. At 12 kHz only millisecond impulses and low-frequency oscillations (below 5 kHz) are
in the samples; at lower rates only what is below 0.46 of the rate, and below 2 kHz nothing is said.

In order, each rule taking what it names from those after it:

1. A run of half cycles with extra zero crossings, each disturbed alike, is a MULTIPLE_ZERO_CROSSING_TRANSIENT.
2. Notches toward zero at the same places in every cycle for many cycles are PERIODIC_NOTCHING.
3. Bursts in most half cycles, each of its own shape, are an ARCING_TRANSIENT.
4. A burst that swings both ways, with half a period or more before it is down to 1/e, and that no unipolar pulse explains,
   is an OSCILLATORY_TRANSIENT (IEEE 1159: "both positive and negative polarity values"). With 300 to 900 Hz and a first
   swing toward zero its cause is capacitor switching (IEEE 1159, 4.4.1.2).
5. Any other is an IMPULSIVE_TRANSIENT (IEEE 1159: "unidirectional in polarity"), if it is no longer than 10 ms.
"""

from dataclasses import replace

import numpy as np

from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.incidents import IncidentClass
from opq.model.waveforms import VoltageSegment
from opq.signal.bursts import Burst, BurstLimits, find_bursts
from opq.signal.crossings import CrossingRun, find_crossing_runs
from opq.signal.notches import Notches, find_notches, suspect
from opq.signal.residual import NEIGHBOURS, Screening, screen
from opq.signal.ringing import Ringing, fit_pulse, fit_ringing
from opq.signal.rows import CycleRows, cycle_rows
from opq.signal.track import FundamentalTrack, track_fundamental
from opq.standards.transient_parts import Transient, TransientLimits, join

__all__ = ["CLAUSE", "STANDARD", "Transient", "TransientLimits", "find_transients", "join"]

STANDARD = "IEEE 1159-2019"
CLAUSE = "Table 2, 1.0 transients and 5.4 notching"

CAPACITOR_HZ = (300.0, 900.0)
"""Oscillation of a switched utility capacitor [Hz] (IEEE 1159, 4.4.1.2)."""
CAPACITOR_SINE = 0.2
"""Least voltage over the peak at which a capacitor is switched: switched at zero it makes no transient."""
GONE = 3.0
"""Decay time constants until an oscillation counts as over: 5 % remain."""
TAIL = 6.0
"""Decay time constants in which a second burst that the oscillation's envelope explains is its tail."""
SLICE_S = 0.01
"""Length of the waveform kept on each side of the peak [s]: a cycle in all."""
FITS = 0.85
"""Part of the energy a fit explains from which on the peak is taken from it."""
NOISY = 0.02
"""Noise over the peak from which on that is better than the highest sample."""
CAPACITOR_SWITCHING = "capacitor switching"


def find_transients(
    segment: VoltageSegment, nominal: Nominal, limits: TransientLimits | None = None
) -> list[Transient]:
    """Find the transients of a gapless record of 0.2 s to some minutes, oldest first.

    A record shorter than four cycles, or sampled at less than `TransientLimits.least_rate_hz`, has none.
    """
    limits = limits or TransientLimits()
    track = None
    if segment.sample_rate_hz >= limits.least_rate_hz:
        track = track_fundamental(segment.volts, segment.sample_rate_hz, nominal)
    if track is None:
        return []
    return _Look(segment, nominal, limits, track).transients()


class _Look:
    """One record, and what was found of it so far."""

    def __init__(
        self, segment: VoltageSegment, nominal: Nominal, limits: TransientLimits, track: FundamentalTrack
    ) -> None:
        self._segment, self._nominal, self._limits, self._track = segment, nominal, limits, track
        self._volts, self._rate = segment.volts, segment.sample_rate_hz
        self._peak_v = float(np.sqrt(2) * nominal.u_din_v)
        self._least_v = limits.least_peak_pu * self._peak_v
        self._screening: Screening = screen(self._volts, track, 0.7 * self._least_v)
        self._sigma_v = float(np.median(self._screening.sigma_v))

    def transients(self) -> list[Transient]:
        """Apply the rules in their order."""
        notch_v = self._limits.least_notch_pu * self._peak_v
        steady = suspect(self._volts, self._track, self._rate, self._nominal.cycles, self._sigma_v, 1.5 * notch_v)
        if not steady and not self._screening.regions:
            return []
        limits = BurstLimits(self._least_v, self._limits.peak_sigmas, self._limits.arc_energy_sigmas2)
        bursts = find_bursts(self._volts, self._rate, self._track, self._screening, limits)
        if not steady and not bursts and len(self._screening.regions) == 0:
            return []
        rows = cycle_rows(self._volts, self._track)
        crossing = self._crossing_runs(rows)
        notching = find_notches(rows, self._rate, self._nominal.cycles, self._sigma_v, notch_v) if steady else []
        notching = [one for one in notching if not any(_covers(run, one) for run in crossing)]
        bursts = [burst for burst in bursts if not self._taken(burst, crossing, notching)]
        arcs, bursts = self._arcs(bursts)
        found = [self._of_crossings(run) for run in crossing]
        found += [self._of_notches(one) for one in notching]
        found += [self._of_arc(arc) for arc in arcs]
        found += self._singles(bursts)
        return sorted(found, key=lambda transient: transient.start_unix_ns)

    def _crossing_runs(self, rows: CycleRows) -> list[CrossingRun]:
        if len(rows.volts) < 3:
            return []
        runs = find_crossing_runs(
            self._volts, self._rate, self._track, rows, self._sigma_v, self._limits.least_notch_pu / 2 * self._peak_v
        )
        return [run for run in runs if run.likeness >= self._limits.least_likeness and run.peak_v > self._least_v]

    def _taken(self, burst: Burst, crossing: list[CrossingRun], notching: list[Notches]) -> bool:
        """Whether a burst is an edge of what repeats, not something beside it."""
        size, margin = abs(burst.peak_v), NEIGHBOURS * self._track.block
        lasting = [(run.first, run.last, run.peak_v) for run in crossing]
        lasting += [(one.first, one.last, one.depth_v) for one in notching]
        return any(
            first - margin < burst.first < last + margin and size < 2 * height + 5 * burst.sigma_v
            for first, last, height in lasting
        )

    def _arcs(self, bursts: list[Burst]) -> tuple[list[list[Burst]], list[Burst]]:
        """Part the bursts into those of arcs and single ones."""
        half = [int(np.rint(self._track.phase_at(burst.first + burst.peak_index) / np.pi)) for burst in bursts]
        pause = self._limits.longest_pause_s * 2 * self._nominal.f_hz
        groups: list[list[int]] = []
        for number in range(len(bursts)):
            if groups and half[number] - half[groups[-1][-1]] <= pause:
                groups[-1].append(number)
            else:
                groups.append([number])
        arcs, singles = [], []
        for group in groups:
            occupied = len({half[number] for number in group})
            span = half[group[-1]] - half[group[0]] + 1
            members = [bursts[number] for number in group]
            if occupied >= self._limits.least_half_cycles and occupied >= self._limits.least_occupied * span:
                arcs.append(members)
            else:
                singles += [burst for burst in members if burst.energy_sigmas2 > self._limits.energy_sigmas2]
        return arcs, singles

    def _singles(self, bursts: list[Burst]) -> list[Transient]:
        found: list[Transient] = []
        begin, decay, amplitude_v = -1.0e9, 1.0, 0.0
        for burst in bursts:
            after = burst.first + burst.peak_index - begin
            if (
                after < TAIL * decay
                and abs(burst.peak_v) < 2 * amplitude_v * np.exp(-after / decay) + 4 * burst.sigma_v
            ):
                continue
            ringing = fit_ringing(burst.residual_v, self._rate, burst.sigma_v)
            if self._oscillates(burst, ringing):
                if GONE * ringing.decay_s > self._limits.longest_oscillation_s and ringing.cycles > 3:
                    continue
                found.append(self._of_oscillation(burst, ringing))
                begin, decay, amplitude_v = burst.first, ringing.decay_s * self._rate, ringing.amplitude_v
            elif burst.last - burst.first <= self._limits.longest_impulse_s * self._rate:
                found.append(self._of_impulse(burst))
        return found

    def _oscillates(self, burst: Burst, ringing: Ringing) -> bool:
        if ringing.cycles < self._limits.oscillation_cycles or ringing.explained < 0.4:
            return False
        return fit_pulse(burst.residual_v, self._rate, burst.sigma_v).explained < self._limits.pulse_part

    def _base(self, kind: IncidentClass, first: float, last: float, peak_v: float, peak_at: float) -> Transient:
        """Make a transient from places [sample] and its peak [V]."""
        samples = len(self._volts)
        begin, end = max(round(peak_at - SLICE_S * self._rate), 0), round(peak_at + SLICE_S * self._rate)
        return Transient(
            incident_class=kind,
            start_unix_ns=self._time(max(first, 0.0)),
            end_unix_ns=self._time(min(last, float(samples))),
            peak_v=peak_v,
            peak_pu=peak_v / self._peak_v,
            peak_unix_ns=self._time(peak_at),
            polarity=1 if peak_v >= 0 else -1,
            point_on_wave_deg=self._point_on_wave(first),
            noise_v=self._screening.sigma_at(int(first)),
            waveform_v=tuple(np.round(self._volts[begin:end], 1).tolist()),
            waveform_from_s=(begin - max(first, 0.0)) / self._rate,
            waveform_rate_hz=self._rate,
            open_start=first <= 1,
            open_end=last >= samples - 1,
        )

    def _of_impulse(self, burst: Burst) -> Transient:
        rise, decay = _rise_and_decay(burst)
        pulse = fit_pulse(burst.residual_v, self._rate, burst.sigma_v)
        peak_v = burst.peak_v
        if pulse.explained > FITS and burst.sigma_v > NOISY * abs(peak_v):
            # The highest of several samples near the top has the highest noise of them.
            peak_v = float(pulse.model_v[int(np.argmax(np.abs(pulse.model_v)))])
        base = self._base(
            IncidentClass.IMPULSIVE_TRANSIENT, burst.first, burst.last, peak_v, burst.first + burst.peak_index
        )
        return replace(base, rise_s=rise / self._rate, decay_s=decay / self._rate, energy_v2s=self._energy(burst))

    def _of_oscillation(self, burst: Burst, ringing: Ringing) -> Transient:
        over = burst.first + GONE * ringing.decay_s * self._rate
        model = ringing.model_v
        peak = int(np.argmax(np.abs(model))) if ringing.explained > 0.8 else burst.peak_index
        peak_v = float(model[peak]) if ringing.explained > 0.8 else burst.peak_v
        base = self._base(
            IncidentClass.OSCILLATORY_TRANSIENT, burst.first, max(burst.last, over), peak_v, burst.first + peak
        )
        return replace(
            base,
            rise_s=_rise_and_decay(burst)[0] / self._rate,
            decay_s=ringing.decay_s,
            energy_v2s=self._energy(burst),
            oscillation_hz=ringing.f_hz,
            cycles=GONE * ringing.cycles,
            explained=min(ringing.explained, 1.0),
            lasting_change_pu=self._lasting_change(burst),
            cause=self._cause(burst, ringing, base.point_on_wave_deg),
        )

    def _of_arc(self, arc: list[Burst]) -> Transient:
        highest = max(arc, key=lambda burst: abs(burst.peak_v))
        base = self._base(
            IncidentClass.ARCING_TRANSIENT,
            arc[0].first,
            arc[-1].last,
            highest.peak_v,
            highest.first + highest.peak_index,
        )
        margin = 2 * self._track.block
        return replace(
            base,
            bursts=len(arc),
            energy_v2s=sum(self._energy(burst) for burst in arc),
            open_start=arc[0].first < margin,
            open_end=arc[-1].last > len(self._volts) - margin,
        )

    def _of_notches(self, notches: Notches) -> Transient:
        depth = -notches.depth_v if notches.place_deg < 180 else notches.depth_v
        base = self._base(IncidentClass.PERIODIC_NOTCHING, notches.first, notches.last, depth, self._notch_at(notches))
        return replace(
            base,
            point_on_wave_deg=notches.place_deg,
            notch_width_s=notches.width_s,
            notch_depth_v=notches.depth_v,
            per_cycle=notches.per_cycle,
            open_start=notches.open_start,
            open_end=notches.open_end,
        )

    def _of_crossings(self, run: CrossingRun) -> Transient:
        base = self._base(IncidentClass.MULTIPLE_ZERO_CROSSING_TRANSIENT, run.first, run.last, run.peak_v, run.first)
        margin = self._track.block
        return replace(
            base,
            crossings=run.crossings,
            bursts=run.half_cycles,
            likeness=run.likeness,
            open_start=run.first < margin,
            open_end=run.last > len(self._volts) - margin,
        )

    def _notch_at(self, notches: Notches) -> float:
        """Return where the first notch is [sample]."""
        return notches.first + notches.place_deg / 360 * self._track.period_at(notches.first)

    def _energy(self, burst: Burst) -> float:
        residual = burst.residual_v
        return max(float(residual @ residual) - len(residual) * burst.sigma_v**2, 0.0) / self._rate

    def _point_on_wave(self, first: float) -> float:
        """Return the phase at a place from that two cycles before it, or after it, where the transient is not [degree]."""
        away = 2 * self._track.period_at(first)
        place = first - away if first > 1.5 * away else first + 1.5 * away
        turned = (first - place) / self._track.period_at(first) * 2 * np.pi
        return float(np.rad2deg(self._track.phase_at(place) + turned) % 360)

    def _lasting_change(self, burst: Burst) -> float:
        """Return the fundamental three cycles after minus three cycles before, over Udin."""
        track = self._track
        rows = [(place - track.centre[0]) / track.block for place in (burst.first, burst.last)]
        before, after = int(np.floor(rows[0])) - 2, int(np.ceil(rows[1])) + 3
        if before < 0 or after >= len(track):
            return 0.0
        return float(track.amplitude_v[after] - track.amplitude_v[before]) / self._peak_v

    def _cause(self, burst: Burst, ringing: Ringing, point_on_wave_deg: float) -> str:
        """Say whether it is a capacitor that was switched: the voltage goes toward zero first, then rings."""
        if not CAPACITOR_HZ[0] <= ringing.f_hz <= CAPACITOR_HZ[1]:
            return ""
        quarter = max(2, round(self._rate / ringing.f_hz / 4))
        swing = float(ringing.model_v[:quarter].sum())
        sine = float(np.sin(np.deg2rad(point_on_wave_deg)))
        return CAPACITOR_SWITCHING if abs(sine) > CAPACITOR_SINE and swing * sine < 0 else ""

    def _time(self, sample: float) -> int:
        return self._segment.start_unix_ns + round(sample * NS / self._rate)


def _covers(run: CrossingRun, notches: Notches) -> bool:
    """Whether notches are mostly where the zero crossings are disturbed: then they are those disturbances."""
    common = min(run.last, notches.last) - max(run.first, notches.first)
    return common > 0.5 * (notches.last - notches.first)


def _rise_and_decay(burst: Burst) -> tuple[float, float]:
    """Return from 10 to 90 % of the peak, and from the peak to half of it [sample]."""
    peak = burst.peak_index
    size = np.abs(burst.residual_v) / max(abs(burst.peak_v), 1e-9)
    before = size[: peak + 1]
    low = np.flatnonzero(before < 0.1)
    high = np.flatnonzero(before >= 0.9)
    rise = float(high[0] - (low[low < high[0]][-1] if np.any(low < high[0]) else -1)) if len(high) else 0.0
    under = np.flatnonzero(size[peak:] < 0.5)
    return rise, float(under[0]) if len(under) else float(len(size) - peak)
