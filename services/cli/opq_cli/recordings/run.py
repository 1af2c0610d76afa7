"""Reads recordings in pieces and analyses their voltage channels, with a progress bar on a terminal."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from threadpoolctl import threadpool_limits

from opq.analysis import Analysis, Analyzer, find_nominal
from opq.analysis.heap import keep_freed_memory
from opq.analysis.nominal import USUAL_V
from opq.analysis.phases import PhaseUnbalance, ThreePhases, common_nominal, three_phases
from opq.classifiers import EnvelopeClassifier
from opq.errors import InvalidInput
from opq.formats import RecordingFile, StoredRecording, open_recordings
from opq.model.boxes import Nominal
from opq.model.waveforms import VoltArray
from opq.standards.envelopes import Envelope

_BLOCK_S = 10.0
_FIRST_S = 60.0
"""The declared voltage and frequency are found from so much [s]."""
_FIRST_SAMPLES = 4_000_000
_PROGRESS_SAMPLES = 2_000_000
"""Shorter recordings show no progress: they are done before anybody looks."""
_CLIPPED_RUN = 3
"""So many equal samples in a row at the greatest value may be a converter at its end."""
_CLIPPED_STEPS = 4.0
"""They are if a sine would have risen by more than so many steps of the converter between them: few steps make flat tops, too."""


@dataclass(frozen=True, slots=True)
class Options:
    """What can be said about recordings on the command line; None is found from the recording."""

    form: str = "auto"
    u_din_v: float | None = None
    f_hz: float | None = None
    volts_per_count: float | None = None
    sample_rate_hz: float | None = None
    channel: str = ""
    envelopes: tuple[Envelope, ...] = ()
    series: bool = False
    """Keep every window and half cycle, for ``opq measure``."""
    signalling_hz: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class AnalysedChannel:
    """One channel of one recording and what was found in it."""

    source: str
    channel: str
    analysis: Analysis
    notes: list[str]
    clipped_samples: int
    unbalance: PhaseUnbalance | None = None
    """Of three phases sampled together, with each of them."""


@dataclass(slots=True)
class Outcome:
    """Everything a command line of paths gave."""

    channels: list[AnalysedChannel] = field(default_factory=list)
    skipped: list[tuple[str, str | None, str]] = field(default_factory=list)
    """Source, channel or None, and why."""


def analyse_paths(paths: Sequence[Path], options: Options) -> Outcome:
    """Analyse all recordings in files; what cannot be read or analysed is said and does not stop the rest."""
    outcome = Outcome()
    keep_freed_memory()
    # The products of matrices here are small: more threads would only wait for each other.
    with threadpool_limits(1), _progress() as progress:
        for path in paths:
            try:
                if path.is_dir():
                    raise InvalidInput("is a folder, expected a file with a recording")
                with open_recordings(path, options.form, options.sample_rate_hz) as file:
                    for recording in _with_voltage(file, options):
                        _analyse_recording(file, recording, options, outcome, progress)
            except InvalidInput as error:
                outcome.skipped.append((printable(path), None, _reason(error, str(path))))
    return outcome


def printable(name: object) -> str:
    """Return a name of the file system as text that any output can hold; what is not UTF-8 in it is replaced."""
    return os.fsencode(str(name)).decode("utf-8", "replace")


def _reason(error: InvalidInput, source: str) -> str:
    """Return what an error says, without the name that stands before it anyway."""
    return printable(str(error).removeprefix(source).removeprefix(":").strip())


def _with_voltage(file: RecordingFile, options: Options) -> list[StoredRecording]:
    """Return the recordings that have a voltage; all, to say what is missing, if none has."""
    if options.channel:
        return list(file.recordings)
    found = [each for each in file.recordings if any(info.unit in ("V", "count") for info in each.channels)]
    return found or list(file.recordings)


def _analyse_recording(
    file: RecordingFile, recording: StoredRecording, options: Options, outcome: Outcome, progress: Progress
) -> None:
    try:
        numbers = _voltages(recording, options.channel)
    except InvalidInput as error:
        outcome.skipped.append((printable(recording.source), None, _reason(error, recording.source)))
        return
    task = None
    if recording.samples * len(numbers) > _PROGRESS_SAMPLES:
        task = progress.add_task(Path(recording.source).name, total=recording.samples)
    run = _Run(recording, numbers, options)
    for block in recording.blocks(numbers, max(1, round(_BLOCK_S * recording.sample_rate_hz))):
        run.feed(block)
        if task is not None:
            progress.advance(task, block.shape[1])
    run.finish(outcome, file.notes)


def _voltages(recording: StoredRecording, channel: str) -> list[int]:
    """Return the channels to analyse: the one named, or all voltages, or without any all counts."""
    if channel:
        return [recording.channel_index(channel)]
    for unit in ("V", "count"):
        found = [number for number, info in enumerate(recording.channels) if info.unit == unit]
        if found:
            return found
    return [recording.channel_index("")]


class _Run:
    """The analysis of some channels of one recording, whose supply is found once enough of it has been seen."""

    def __init__(self, recording: StoredRecording, numbers: list[int], options: Options) -> None:
        self._recording, self._numbers, self._options = recording, numbers, options
        self._first: list[VoltArray] | None = []
        self._first_samples = 0
        self._channels: list[_Channel] = []
        self._failed: dict[int, str] = {}
        self._phases: ThreePhases | None = None

    def feed(self, block: VoltArray) -> None:
        """Take a (k, n) block."""
        block = block * self._scales()[:, None]
        if self._first is None:
            self._measure(block)
            return
        self._first.append(block)
        self._first_samples += block.shape[1]
        enough = min(_FIRST_S * self._recording.sample_rate_hz, _FIRST_SAMPLES)
        if self._first_samples >= enough:
            self._begin()

    def finish(self, outcome: Outcome, notes: list[str]) -> None:
        """Add what was found to the outcome."""
        if self._first is not None:
            self._begin()
        for row, reason in self._failed.items():
            outcome.skipped.append((printable(self._recording.source), self._info(row).name, reason))
        analyses = {channel.row: channel.analyzer.finish() for channel in self._channels}
        unbalance = None
        if self._phases is not None:
            unbalance = self._phases.result([analyses[row] for row in self._phases.rows])
        for channel in self._channels:
            info = self._info(channel.row)
            said = [*notes, *self._calibration(info.unit)]
            if channel.analyzer.nominal.u_din_v not in USUAL_V and self._options.u_din_v is None:
                said.append("no usual supply voltage: what is per unit is of the median Urms(1/2) of the first second")
            in_phases = self._phases is not None and channel.row in self._phases.rows
            outcome.channels.append(
                AnalysedChannel(
                    printable(self._recording.source),
                    info.name,
                    analyses[channel.row],
                    said,
                    channel.clipped.count,
                    unbalance if in_phases else None,
                )
            )

    def _begin(self) -> None:
        """Find the supply of each channel and measure what has waited."""
        first = np.concatenate(self._first, axis=1) if self._first else np.empty((len(self._numbers), 0))
        self._first = None
        rate, options = self._recording.sample_rate_hz, self._options
        nominals = {}
        for row in range(len(self._numbers)):
            try:
                nominals[row] = find_nominal(first[row], rate, options.u_din_v, options.f_hz)
            except InvalidInput as error:
                self._failed[row] = str(error)
        rows = three_phases([(row, self._info(row).name, self._info(row).phase) for row in nominals])
        if rows is not None and (common := common_nominal([nominals[row] for row in rows])) is not None:
            nominals |= dict.fromkeys(rows, common)
            self._phases = ThreePhases(rows, rate, common, self._recording.start_unix_ns or 0)
        self._channels = [_Channel(row, self._recording, nominal, options) for row, nominal in nominals.items()]
        self._measure(first)

    def _measure(self, block: VoltArray) -> None:
        for channel in self._channels:
            channel.feed(block[channel.row])
        if self._phases is not None:
            self._phases.feed(block)

    def _info(self, row: int) -> Any:
        return self._recording.channels[self._numbers[row]]

    def _scales(self) -> VoltArray:
        scale = self._options.volts_per_count
        return np.array(
            [scale if scale and self._info(row).unit == "count" else 1.0 for row in range(len(self._numbers))]
        )

    def _calibration(self, unit: str) -> list[str]:
        if unit != "count" or self._options.volts_per_count:
            return []
        return ["no calibration (--scale): volts are counts of the converter, right is only what is per unit"]


class _Channel:
    """One channel under way."""

    def __init__(self, row: int, recording: StoredRecording, nominal: Nominal, options: Options) -> None:
        self.row = row
        self.clipped = ClippingMeter(recording.sample_rate_hz / nominal.f_hz)
        self.analyzer = Analyzer(
            recording.sample_rate_hz,
            nominal,
            recording.start_unix_ns or 0,
            [EnvelopeClassifier.custom(envelope) for envelope in options.envelopes],
            series=options.series,
            signalling_hz=options.signalling_hz,
        )

    def feed(self, volts: VoltArray) -> None:
        """Take (n,) samples [V]."""
        self.clipped.feed(volts)
        self.analyzer.feed(volts)


class ClippingMeter:
    """Counts samples that stand still at the greatest or least value of a recording, as a converter at its end makes them.

    Parameters
    ----------
    cycle : float
        Length of a cycle [sample].
    """

    def __init__(self, cycle: float) -> None:
        self._radians = 2 * np.pi / cycle
        self._extremes = [0.0, 0.0]
        self._counts = [0, 0]

    @property
    def count(self) -> int:
        """Clipped samples so far."""
        return sum(self._counts)

    def feed(self, volts: VoltArray) -> None:
        """Take (n,) samples [V]; runs across blocks count in pieces."""
        if not len(volts):
            return
        for side, values in enumerate((volts, -volts)):
            highest = float(np.nanmax(values, initial=0.0))
            if highest < self._extremes[side] or highest <= 0:
                continue
            if highest > self._extremes[side]:
                self._extremes[side], self._counts[side] = highest, 0
            at = np.flatnonzero(values == highest)
            runs = [run for run in np.split(at, np.flatnonzero(np.diff(at) > 1) + 1) if len(run) >= _CLIPPED_RUN]
            if runs:
                lower = values[values < highest]
                step = highest - float(lower.max(initial=-np.inf))
                self._counts[side] += sum(
                    len(run) for run in runs if self._rise(len(run), highest) > _CLIPPED_STEPS * step
                )

    def _rise(self, samples: int, highest: float) -> float:
        """Return how far a sine that is `highest` at the ends of so many samples rises between them [V]."""
        return highest * (self._radians * (samples - 1) / 2) ** 2 / 2


@contextmanager
def _progress() -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        yield progress
