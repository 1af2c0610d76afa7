"""Transients that are none: a jump of voltage in a window leaves a peak in what is not fundamental or harmonic.

Boxes measure it so (`opq.signal.extractor`), so the simulation must say so, or detection would look better than it is.
"""

from dataclasses import replace

import numpy as np

from opq.sim.grid.courses import Peak
from opq.sim.grid.effects import Occurrence
from opq.sim.grid.frequency import GridFrequency
from opq.sim.grid.network import Float, Index

JUMP_PART = 0.8
"""Peak of the residual over the jump of rms at the crest of the wave; measured with the extractor, 0.73 to 0.83 [1]."""
_LEAST_PART = 0.1
"""The same at the zero crossing [1]."""
_LEAST_PU = 0.001


def with_edges(item: Occurrence, frequency: GridFrequency, phase: Index) -> Occurrence:
    """Return the occurrence with the peaks of its jumps; `phase` (boxes,) 0 to 2."""
    jumps = [(at, course.boxes, size) for course in item.voltage for at, size in course.jumps()]
    if item.step is not None:
        jumps.append((item.start_s, np.arange(len(item.step)), item.step))
    return replace(item, edges=tuple(_peak(at, boxes, size, frequency, phase) for at, boxes, size in jumps))


def _peak(at: float, boxes: Index, size: Float, frequency: GridFrequency, phase: Index) -> Peak:
    angle = 2 * np.pi * (frequency.cycles(np.array([at])) - phase[boxes] / 3)
    peak = JUMP_PART * np.abs(size) * np.maximum(np.abs(np.sin(angle)), _LEAST_PART)
    seen = peak >= _LEAST_PU
    return Peak(at, boxes[seen], peak[seen])
