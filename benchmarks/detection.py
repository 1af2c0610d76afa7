"""Windows a second through decoding and detection, over the same in plain Python that does nothing else.

What arrives is what ingest forwards: batches of encoded frames of many boxes of one grid, from the simulated city with all
that happens in it. Counted is the CPU time from the bytes of the batch to the triggers handed to the events, whose own
work is in it. The plain loop looks at each window once, compares four numbers with limits and counts; its triggers are
those of `tests/unit/makai/plain.py`, which the tests hold the detectors to.
"""

import argparse
import statistics
import time

import numpy as np

from opq.analysis.heap import keep_freed_memory
from opq.clock import NS
from opq.ids import BoxId
from opq.model.features import FeatureFrame, TimeSource, Windows
from opq.rpc.frame_batches import decode_frames
from opq.rpc.frames import encode_frame
from opq.rpc.twins import BoxFrameTwin, FeedUpTwin, FrameBatchTwin
from opq.sim.grid import World, load_plan
from opq.testing.frames import good_windows
from opq_makai.open_event import EventRules
from opq_makai.watch import Watch

_START = 1_760_000_000 * NS
_CHECKED = ("u_rms_half_min_v", "u_rms_half_max_v", "f_hz", "thd_pct", "transient_peak_v")


def encoded(world: World, seconds: int, boxes_per_batch: int) -> list[tuple[int, bytes]]:
    """Make what comes up a feed: (time of arrival, encoded `opq.v1.FeedUp`)."""
    messages = []
    block = world.block(0, seconds + 1)
    # As boxes do it: a frame holds the windows that start in one second of the box's own clock.
    whole = [
        Windows.concatenate([block.windows(row, second) for second in range(seconds + 1)])
        for row in range(len(world.boxes))
    ]
    for second in range(seconds):
        frames = []
        for row, box in enumerate(world.boxes):
            starts = whole[row].start_unix_ns // NS - world.start_unix_ns // NS
            low, high = np.searchsorted(starts, [second, second + 1])
            uncertainty = int(block.uncertainty_ns[row])
            frame = FeatureFrame(BoxId(box.box_id), second + 1, whole[row][low:high], uncertainty)
            frames.append(BoxFrameTwin(box_id=box.box_id, frame=encode_frame(frame, TimeSource.NTP)))
        at = world.start_unix_ns + (second + 1) * NS + NS // 5
        for low in range(0, len(frames), boxes_per_batch):
            batch = FrameBatchTwin(frames=frames[low : low + boxes_per_batch])
            messages.append((at, FeedUpTwin(frames=batch.SerializeToString()).SerializeToString()))
    return messages


def one_cycle(world: World, seconds: int) -> list[tuple[int, bytes]]:
    """Make the same of boxes that send windows of one cycle, 60 a second, of a quiet noisy supply; all boxes in a batch."""
    rng = np.random.default_rng(1)
    messages = []
    starts = np.arange(60) * NS // 60
    for second in range(seconds):
        at = world.start_unix_ns + second * NS
        frames = []
        for box in world.boxes:
            windows = good_windows(at, 60)
            windows.values[:, :3] += rng.normal(0, 0.05, (60, 1))
            windows = Windows(at + starts, np.full(60, NS // 60), windows.flags, windows.values)
            encoded_frame = encode_frame(FeatureFrame(box.box_id, second + 1, windows, 25_000_000), TimeSource.NTP)
            frames.append(BoxFrameTwin(box_id=box.box_id, frame=encoded_frame))
        batch = FeedUpTwin(frames=FrameBatchTwin(frames=frames).SerializeToString()).SerializeToString()
        messages.append((at + NS + NS // 5, batch))
    return messages


def detect(world: World, messages: list[tuple[int, bytes]]) -> float:
    """Decode and detect all; return the CPU time [s]."""
    watch = Watch(EventRules())
    watch.set_boxes(world.boxes)
    began = time.process_time()
    for now, data in messages:
        frames, _ = decode_frames(FeedUpTwin.FromString(data).frames, watch.metrics)
        if frames is not None:
            watch.feed(frames, now)
    return time.process_time() - began


def plain(world: World, seconds: int) -> float:
    """Look at each window once in plain Python, decoded already; return the CPU time [s]."""
    block = world.block(0, seconds)
    columns = [block.columns[name].reshape(-1).tolist() for name in _CHECKED]
    outside = 0
    began = time.process_time()
    for low, high, f, thd, transient in zip(*columns, strict=True):
        if low < 114.0 or high > 126.0 or f < 59.9 or f > 60.1 or thd > 5.0 or transient > 8.0:
            outside += 1
    return time.process_time() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    keep_freed_memory()
    world = World(load_plan("city"), 1, _START, 3600.0)
    windows = len(world.boxes) * options.seconds * 5
    floor = statistics.median(windows / plain(world, options.seconds) for _ in range(options.rounds))
    print(f"plain loop over decoded windows, limits only: {floor / 1e6:.1f} M windows per CPU second")
    cases = {f"windows of 0.2 s, batches of {boxes} boxes": boxes for boxes in (100, 500, 2000)}
    for title, boxes in cases.items():
        messages = encoded(world, options.seconds, boxes)
        report(title, world, messages, windows, floor, options.rounds)
    short = max(options.seconds // 12, 2)
    messages = one_cycle(world, short)
    report(
        "windows of one cycle, batches of 2000 boxes",
        world,
        messages,
        len(world.boxes) * short * 60,
        floor,
        options.rounds,
    )


def report(
    title: str, world: World, messages: list[tuple[int, bytes]], windows: int, floor: float, rounds: int
) -> None:
    """Measure one case and print it."""
    rate = statistics.median(windows / detect(world, messages) for _ in range(rounds))
    print(
        f"{title}: {rate / 1e6:.2f} M windows per CPU second, {rate / floor:.2f} of the plain loop (goal: at least 5 M)"
    )


if __name__ == "__main__":
    main()
