"""A simulated grid into files, without any server: features per box, waveforms around what happens, and the truth.

::

    FOLDER/boxes.json                          as for opq boxes add --from
    FOLDER/truth.json                          what happened, see opq.sim.grid
    FOLDER/features/BOX.csv                    one row per window, times by the box's clock
    FOLDER/waveforms/0001-local_sag/BOX.cfg    each box that it changed; times by the box's clock
"""

import csv
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from opq.clock import NS
from opq.formats import Channel, Recording, write_recordings
from opq.model.box_list import save_boxes
from opq.model.features import FEATURE_NAMES, Windows
from opq.model.waveforms import CountArray
from opq.sim.grid import Block, Happening, World, save_truth
from opq_box_agent.light.pace import Pace
from opq_box_agent.light.samples import SAMPLE_RATE_HZ, WorldSamples
from opq_box_agent.ring import RingAnswer

_AROUND_NS = NS
_LONGEST_NS = 30 * NS
"""Of a happening that lasts, the first half minute is written."""
_ENDINGS = {"comtrade": "cfg", "raw16": "raw", "pqdif": "pqd"}


def write_files(world: World, boxes: int, folder: Path, form: str = "none") -> None:
    """Write the first boxes of a world.

    Parameters
    ----------
    form : str
        Format of waveforms (`opq.formats.FORMATS`); ``none`` for features and truth only.

    Raises
    ------
    InvalidInput
        If a format cannot be written here, naming what to install.
    """
    (folder / "features").mkdir(parents=True, exist_ok=True)
    save_boxes(world.boxes[:boxes], folder / "boxes.json")
    save_truth(world.truth, folder / "truth.json")
    minutes = -(-int(world.duration_s) // 60)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("features", total=minutes)
        for minute in range(minutes):
            seconds = min(60, int(world.duration_s) - 60 * minute)
            _add_features(world, boxes, world.block(60 * minute, seconds), folder / "features")
            progress.advance(task)
        wanted = [] if form == "none" else _wanted(world, boxes)
        task = progress.add_task("waveforms", total=len(wanted), visible=bool(wanted))
        for number, happening, box in wanted:
            _write_waveform(world, box, happening, folder / "waveforms" / f"{number:04d}-{happening.kind.value}", form)
            progress.advance(task)


def _add_features(world: World, boxes: int, block: Block, folder: Path) -> None:
    for index, box in enumerate(world.boxes[:boxes]):
        path = folder / f"{box.box_id}.csv"
        first = block.first_s == 0
        with path.open("w" if first else "a", newline="") as file:
            writer = csv.writer(file)
            if first:
                writer.writerow(["start_unix_ns", "duration_ns", "flags", *FEATURE_NAMES])
            for second in np.flatnonzero(block.present[index]).tolist():
                writer.writerows(_rows(block.windows(index, second)))


def _rows(windows: Windows) -> list[list[object]]:
    times = zip(
        windows.start_unix_ns.tolist(),
        windows.duration_ns.tolist(),
        windows.flags.tolist(),
        windows.values,
        strict=True,
    )
    # The shortest text that reads back as the same float32.
    return [[start, duration, flags, *map(str, values)] for start, duration, flags, values in times]


def _wanted(world: World, boxes: int) -> list[tuple[int, Happening, int]]:
    """Return each happening, numbered as in the truth from 1, with each box that it changed."""
    return [
        (number, happening, box)
        for number, happening in enumerate(world.truth, 1)
        for box in happening.affected_boxes()
        if box < boxes
    ]


def _write_waveform(world: World, box: int, happening: Happening, folder: Path, form: str) -> None:
    """Write what the box would answer if it were asked; a recording has no holes, so one with a gap is several files."""
    start = happening.start_unix_ns - _AROUND_NS
    end = min(happening.end_unix_ns, happening.start_unix_ns + _LONGEST_NS) + _AROUND_NS
    error = world.clock_error_ns(box, happening.start_unix_ns)
    samples = WorldSamples(world, box, Pace(_Stopped(), end), keep_s=world.duration_s + 60)
    answer = samples.cut(start + error, end + error, end)
    name = world.boxes[box].box_id
    folder.mkdir(parents=True, exist_ok=True)
    for part, (first, counts) in enumerate(_stretches(answer)):
        path = folder / f"{name}{f'-{part + 1}' if part else ''}.{_ENDINGS.get(form, form)}"
        channel = Channel("U", "V", counts.astype(np.float64) * samples.volts_per_count)
        write_recordings(path, [Recording(name, samples.sample_rate_hz, (channel,), first)], form)


def _stretches(answer: RingAnswer) -> list[tuple[int, CountArray]]:
    """Return start and samples of what hangs together: a clock that drifts makes new segments, only absences make gaps."""
    found: list[tuple[int, CountArray]] = []
    offset, end = 0, 0
    for segment in answer.segments:
        counts = answer.counts[offset : offset + segment.samples]
        if found and segment.start_unix_ns - end < NS // 2:
            found[-1] = (found[-1][0], np.concatenate([found[-1][1], counts]))
        else:
            found.append((segment.start_unix_ns, counts))
        offset += segment.samples
        end = segment.start_unix_ns + round(segment.samples * NS / SAMPLE_RATE_HZ)
    return found


class _Stopped:
    """A clock for what needs none: everything is past."""

    def unix_ns(self) -> int:
        """See `Clock`."""
        return 0

    def monotonic_ns(self) -> int:
        """See `Clock`."""
        return 0
