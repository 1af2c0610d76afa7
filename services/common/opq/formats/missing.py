"""Missing values of evenly sampled channels, filled as they stream by."""

from collections.abc import Iterator, Sequence

import numpy as np

from opq.formats.recording import SampleArray
from opq.formats.text import note

LONGEST_GAP = 65_536
"""A longer gap keeps the last value before it [samples], so that what is held back is bounded."""
_MOST_HELD = 8 << 20
"""Values held back at most, all channels together; many channels have a shorter longest gap."""


def filled(chunks: Iterator[SampleArray], names: Sequence[str], notes: list[str]) -> Iterator[SampleArray]:
    """Replace what is not finite by a straight line between its neighbours.

    A gap at the beginning takes the first value, one at the end the last; a channel without any value is zero.

    Parameters
    ----------
    chunks : iterator of (k, n) float64
        Consecutive; NaN or infinite where a value is missing.
    names : sequence of str
        Of the k channels, for the notes: how many values were missing, and the first [sample number from 1].
    """
    counts, firsts = np.zeros(len(names), np.int64), np.zeros(len(names), np.int64)
    held = np.empty((len(names), 0))
    anchor: SampleArray | None = None
    seen = 0
    longest = max(1, min(LONGEST_GAP, _MOST_HELD // max(1, len(names))))
    for chunk in chunks:
        if not chunk.shape[1]:
            continue
        good = np.isfinite(chunk)
        if not good.all():
            _count(~good, seen, counts, firsts)
        seen += chunk.shape[1]
        held = np.concatenate([held, chunk], axis=1) if held.shape[1] else chunk
        ready = _ready(held)
        if held.shape[1] - ready > longest:
            ready = held.shape[1]
        if ready:
            # What is held back tells the value after a gap in the channels that have one.
            out = _interpolated(held, anchor)[:, :ready]
            anchor, held = out[:, -1:].copy(), held[:, ready:]
            yield out
    if held.shape[1]:
        yield _interpolated(held, anchor)
    for name, count, first in zip(names, counts, firsts, strict=True):
        if count:
            values = "value" if count == 1 else "values"
            note(notes, f"channel {name!r}: {count} missing {values}, the first at sample {first}; interpolated")


def _count(bad: np.ndarray, seen: int, counts: np.ndarray, firsts: np.ndarray) -> None:
    for number in np.flatnonzero(bad.any(axis=1)):
        if not counts[number]:
            firsts[number] = seen + int(bad[number].argmax()) + 1
        counts[number] += int(bad[number].sum())


def _ready(held: SampleArray) -> int:
    """Return how many samples do not wait for a value to come."""
    good = np.isfinite(held)
    if good[:, -1].all():
        return int(held.shape[1])
    last: list[int] = [int(np.flatnonzero(row)[-1]) + 1 if row.any() else 0 for row in good]
    return min(last, default=0)


def _interpolated(samples: SampleArray, anchor: SampleArray | None) -> SampleArray:
    if np.isfinite(samples).all():
        return samples
    lead = 0 if anchor is None else 1
    out = np.concatenate([anchor, samples], axis=1) if anchor is not None else samples.copy()
    at = np.arange(out.shape[1])
    for row in out:
        good = np.isfinite(row)
        row[~good] = np.interp(at[~good], at[good], row[good]) if good.any() else 0.0
    return out[:, lead:]
