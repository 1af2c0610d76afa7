"""A simulated grid over a span of time: its boxes, what they measure, their waveforms, and what really happened."""

from functools import cached_property, lru_cache

import numpy as np

from opq.clock import MINUTE_NS, NS, seconds_ns
from opq.errors import check_range
from opq.model.boxes import Box
from opq.model.features import HARMONIC_ORDERS, TimeSource, WindowFlag
from opq.model.waveforms import VoltArray
from opq.sim.grid.background import PER_MINUTE, WINDOW_S, Background
from opq.sim.grid.block import PER_SECOND, Block, joined
from opq.sim.grid.boxes import Absences, BoxClocks
from opq.sim.grid.edges import with_edges
from opq.sim.grid.effects import Effects
from opq.sim.grid.frequency import GridFrequency
from opq.sim.grid.minutes import MinuteMaker
from opq.sim.grid.network import build_network
from opq.sim.grid.plan import GridPlan
from opq.sim.grid.schedule import draw_schedule
from opq.sim.grid.truth import Happening
from opq.sim.grid.waveform import WaveformMaker
from opq.sim.grid.witness import Witness

_WINDOW_NS = seconds_ns(WINDOW_S)
_LONGEST_S = 400 * 86400.0
_USUAL_SHARES = (0.45, 0.7, 0.45, 0.15, 0.2, 0.15, 0.08)
"""Of the harmonics 3 to 15 in the distortion of a low-voltage supply, before they are varied per site."""


class World:
    """One grid, simulated.

    Everything follows from plan, seed and start; nothing from the order or size of what is asked for. Seconds count from
    `start_unix_ns` in true time.

    Parameters
    ----------
    plan : GridPlan
    seed : int
        0 or more.
    start_unix_ns : int
        Of second 0 [ns since the epoch].
    duration_s : float
        Over which happenings are drawn [s], up to 400 days.

    Attributes
    ----------
    boxes : tuple of Box
        In the order of all rows; ``feeder`` is ``f1``, ``f2``, ...
    network : Network
        Where they hang.

    Raises
    ------
    InvalidInput
        If duration or seed are out of range, or a planned happening has a size that makes no sense.
    """

    def __init__(self, plan: GridPlan, seed: int, start_unix_ns: int, duration_s: float = 86400.0) -> None:
        check_range("seed", seed, 0, 2**63 - 1)
        check_range("duration_s", duration_s, 1, _LONGEST_S, "s")
        self.plan, self.seed, self.start_unix_ns, self.duration_s = plan, seed, start_unix_ns, duration_s
        self.network = build_network(plan)
        self.boxes = tuple(
            Box(box_id, plan.grid_id, plan.nominal, feeder=f"f{feeder + 1}")
            for box_id, feeder in zip(plan.box_ids, self.network.feeder.tolist(), strict=True)
        )
        effects = Effects(self.network, plan.f_hz, plan.substation.tap_step_pct / 100, plan.box_ids)
        occurrences = draw_schedule(plan, effects, duration_s, seed)
        rng = np.random.default_rng((seed, 10))
        self._phase_s = rng.uniform(0, WINDOW_S, len(self.boxes))
        shares = np.array(_USUAL_SHARES) * rng.uniform(0.6, 1.4, (len(self.boxes), len(HARMONIC_ORDERS)))
        self._shares = shares / np.sqrt((shares**2).sum(axis=1, keepdims=True))
        angles = rng.uniform(0, 2 * np.pi, self._shares.shape)
        self._network_delay_ns = rng.uniform(30e6, 120e6, len(self.boxes))
        excursions = tuple(item.frequency for item in occurrences if item.frequency is not None)
        frequency = GridFrequency(plan.f_hz, rng, excursions)
        self._occurrences = tuple(with_edges(item, frequency, self.network.phase) for item in occurrences)
        background = Background(self.network, self._occurrences, start_unix_ns, plan.utc_offset_h, self._phase_s, seed)
        self._maker = MinuteMaker(background, frequency, self._occurrences, self._phase_s, plan.u_din_v, plan.f_hz)
        self._waves = WaveformMaker(
            background,
            frequency,
            self._occurrences,
            self.network.phase,
            self.network.transformer,
            self._shares,
            angles,
            seed,
        )
        self._witness = Witness(background, frequency, start_unix_ns, self._occurrences)
        self._clocks = BoxClocks(plan, seed)
        self._absences = Absences(plan, self._occurrences, duration_s, seed)
        self._minute = lru_cache(2)(self._make_minute)

    @cached_property
    def truth(self) -> tuple[Happening, ...]:
        """What happened, in order of start. Computed when first asked for."""
        return tuple(self._witness.testify(occurrence) for occurrence in self._occurrences)

    def block(self, first_s: int, seconds: int) -> Block:
        """Return the features of all boxes over whole seconds; cheapest in whole minutes.

        Raises
        ------
        InvalidInput
            If `first_s` is negative or `seconds` less than 1.
        """
        check_range("first_s", first_s, 0, _LONGEST_S, "s")
        check_range("seconds", seconds, 1, 86400, "s")
        last = first_s + seconds
        parts = []
        for minute in range(first_s // 60, (last - 1) // 60 + 1):
            begin = max(first_s - 60 * minute, 0)
            parts.append(self._minute(minute).cut(begin, min(last - 60 * minute, 60) - begin))
        return joined(parts)

    def waveform(
        self, box_index: int, start_unix_ns: int, end_unix_ns: int, sample_rate_hz: float = 12000.0
    ) -> VoltArray:
        """Return the samples of one box from `start_unix_ns` to before `end_unix_ns`, in true time, as (n,) float64 [V].

        Samples stand on one raster, whole multiples of 1 / `sample_rate_hz` from the start of the simulation: the first is
        the first at or after `start_unix_ns`. A box stamps them with its own clock: see `clock_error_ns`.

        Raises
        ------
        InvalidInput
            If the box does not exist or the rate is out of range.
        """
        check_range("box_index", box_index, 0, len(self.boxes) - 1)
        check_range("sample_rate_hz", sample_rate_hz, 1000, 1_000_000, "Hz")
        first, last = (
            int(np.ceil((unix_ns - self.start_unix_ns) * sample_rate_hz / NS - 1e-6))
            for unix_ns in (start_unix_ns, end_unix_ns)
        )
        volts: VoltArray = (
            self._waves.samples(box_index, first, max(0, last - first), sample_rate_hz) * self.plan.u_din_v
        )
        return volts

    def clock_error_ns(self, box_index: int, unix_ns: int) -> int:
        """Return by how much the box's clock is ahead at a true time [ns]."""
        return self._clocks.error_ns(box_index, (unix_ns - self.start_unix_ns) / NS)

    def time_source(self, box_index: int) -> TimeSource:
        """Return what a box says disciplines its clock."""
        return TimeSource.GPS if self._clocks.gps[box_index] else TimeSource.NTP

    def present(self, first_s: int, seconds: int) -> np.ndarray:
        """Return of which boxes which seconds come, (boxes, seconds) bool."""
        return self._absences.present(first_s, seconds)

    def dark(self, first_s: int, seconds: int) -> np.ndarray:
        """Return which boxes are off the network in which seconds, (boxes, seconds) bool: silent, starting or without power."""
        return self._absences.dark(first_s, seconds)

    def _make_minute(self, minute: int) -> Block:
        columns, flags = self._maker.columns(minute)
        for box, second in self._absences.after_gaps(60 * minute, 60):
            flags[box, second * PER_SECOND] |= np.uint32(WindowFlag.GAP)
        stamps, durations = self._stamps(minute)
        return Block(
            60 * minute,
            stamps,
            durations,
            flags,
            columns,
            self._absences.present(60 * minute, 60),
            self._clocks.uncertainty_ns,
            self._arrivals(minute),
            self._shares.astype(np.float32),
        )

    def _stamps(self, minute: int) -> tuple[np.ndarray, np.ndarray]:
        """Return start and length of the windows of a minute by the boxes' clocks, (boxes, 300) [ns]."""
        first, last = (self._clocks.wander_ns(at)[:, None] for at in (minute, minute + 1))
        part = np.arange(PER_MINUTE + 1) / PER_MINUTE
        phase_ns = np.rint(self._phase_s * NS).astype(np.int64)[:, None]
        stamps = np.rint(first + (last - first) * part).astype(np.int64)
        stamps += self.start_unix_ns + minute * MINUTE_NS + phase_ns + _WINDOW_NS * np.arange(PER_MINUTE + 1)
        durations, stamps = np.diff(stamps, axis=1), stamps[:, :-1]
        for begin, end, offset, boxes in self._clocks.faults_in(60.0 * minute, 60.0 * minute + 60.0 + WINDOW_S):
            for box in boxes:
                at = 60.0 * minute + self._phase_s[box] + WINDOW_S * np.arange(PER_MINUTE)
                stamps[box, (at >= begin) & (at < end)] += offset
        return stamps, durations

    def _arrivals(self, minute: int) -> np.ndarray:
        rng = np.random.default_rng((self.seed, 11, minute))
        delay = self._network_delay_ns[:, None] + rng.exponential(25e6, (len(self.boxes), 60))
        delay = np.minimum(delay, 300e6) + self._phase_s[:, None] * NS
        return self.start_unix_ns + minute * MINUTE_NS + NS * np.arange(1, 61) + delay.astype(np.int64)
