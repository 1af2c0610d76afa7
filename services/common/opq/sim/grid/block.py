"""A stretch of features of all boxes at once, as columns, and as frames of single boxes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.model.features import FEATURE_INDEX, FEATURES, HARMONIC_ORDERS, FlagArray, FloatArray, TimeArray, Windows

PER_SECOND = 5
_SQRT2 = float(np.sqrt(2))


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Windows of 200 ms of all boxes over whole seconds.

    Attributes
    ----------
    first_s : int
        First second, from the start of the simulation.
    start_unix_ns, duration_ns : (boxes, 5 * seconds) int64
        By the box's own clock, with its error [ns].
    flags : (boxes, 5 * seconds) uint32
        `WindowFlag` bits.
    columns : dict of str to (boxes, 5 * seconds) float32
        By names of `FEATURES`: those that matter for detection, in their units.
    present : (boxes, seconds) bool
        False where nothing comes from the box; numbers there mean nothing.
    uncertainty_ns : (boxes,) int64
        What the box claims of its clock [ns].
    arrival_unix_ns : (boxes, seconds) int64
        When the frame of that second reaches the site, in true time [ns].
    harmonic_shares : (boxes, 7) float32
        Of each harmonic in the THD, square sum 1.
    """

    first_s: int
    start_unix_ns: TimeArray
    duration_ns: TimeArray
    flags: FlagArray
    columns: dict[str, FloatArray]
    present: npt.NDArray[np.bool_]
    uncertainty_ns: TimeArray
    arrival_unix_ns: TimeArray
    harmonic_shares: FloatArray

    @property
    def seconds(self) -> int:
        """How many seconds."""
        return int(self.present.shape[1])

    def windows(self, box: int, second: int) -> Windows:
        """Return the frame of one box and second (0 is the first of the block), all columns of `FEATURES` filled."""
        part = slice(second * PER_SECOND, (second + 1) * PER_SECOND)
        values = np.zeros((PER_SECOND, len(FEATURES)), np.float32)
        for name, column in self.columns.items():
            values[:, FEATURE_INDEX[name]] = column[box, part]
        f, thd, transient = (values[:, FEATURE_INDEX[name]] for name in ("f_hz", "thd_pct", "transient_peak_v"))
        more = {"f_min_hz": f - 0.003, "f_max_hz": f + 0.003, "transient_rms_v": transient / 8}
        more |= {
            f"h{order}_pct": thd * share
            for order, share in zip(HARMONIC_ORDERS, self.harmonic_shares[box], strict=True)
        }
        more |= {
            "crest": np.full(PER_SECOND, _SQRT2),
            "p_inst_max": np.full(PER_SECOND, 0.2),
            "pst": np.full(PER_SECOND, 0.3),
        }
        for name, column in more.items():
            values[:, FEATURE_INDEX[name]] = column
        return Windows(self.start_unix_ns[box, part], self.duration_ns[box, part], self.flags[box, part], values)

    def cut(self, first: int, seconds: int) -> "Block":
        """Return `seconds` of it from second `first` of the block on, as views."""
        fast, slow = slice(first * PER_SECOND, (first + seconds) * PER_SECOND), slice(first, first + seconds)
        return Block(
            self.first_s + first,
            self.start_unix_ns[:, fast],
            self.duration_ns[:, fast],
            self.flags[:, fast],
            {name: column[:, fast] for name, column in self.columns.items()},
            self.present[:, slow],
            self.uncertainty_ns,
            self.arrival_unix_ns[:, slow],
            self.harmonic_shares,
        )


def joined(blocks: list[Block]) -> Block:
    """Join blocks that follow each other."""
    if len(blocks) == 1:
        return blocks[0]
    names = blocks[0].columns
    return Block(
        blocks[0].first_s,
        np.concatenate([block.start_unix_ns for block in blocks], axis=1),
        np.concatenate([block.duration_ns for block in blocks], axis=1),
        np.concatenate([block.flags for block in blocks], axis=1),
        {name: np.concatenate([block.columns[name] for block in blocks], axis=1) for name in names},
        np.concatenate([block.present for block in blocks], axis=1),
        blocks[0].uncertainty_ns,
        np.concatenate([block.arrival_unix_ns for block in blocks], axis=1),
        blocks[0].harmonic_shares,
    )
