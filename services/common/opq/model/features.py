"""What a box measures in each window, and the columns in which it travels.

`FEATURES` is the one list of features: its order is the order of columns in arrays and blobs, its names
are the names in proto, database, pages and docs. New features are appended; none is removed or moved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntFlag

import numpy as np
import numpy.typing as npt

from opq.errors import InvalidInput
from opq.ids import BoxId

FloatArray = npt.NDArray[np.float32]
TimeArray = npt.NDArray[np.int64]
FlagArray = npt.NDArray[np.uint32]
NameArray = npt.NDArray[np.bytes_]


@dataclass(frozen=True, slots=True)
class Feature:
    """One measured quantity of a window."""

    name: str
    unit: str
    title: str
    low: float
    """Lowest value that can be real; a frame with less is refused."""
    high: float
    """Highest value that can be real."""


_V_MAX = 2000.0
_FLICKER_MAX = 1e6
"""An interruption gives some tens of thousands."""
HARMONIC_ORDERS = (3, 5, 7, 9, 11, 13, 15)
FEATURES: tuple[Feature, ...] = (
    Feature("u_rms_v", "V", "Voltage (rms over the window)", 0, _V_MAX),
    Feature("u_rms_half_min_v", "V", "Lowest half-cycle rms voltage", 0, _V_MAX),
    Feature("u_rms_half_max_v", "V", "Highest half-cycle rms voltage", 0, _V_MAX),
    Feature("f_hz", "Hz", "Frequency", 0, 100),
    Feature("f_min_hz", "Hz", "Lowest cycle-pair frequency", 0, 100),
    Feature("f_max_hz", "Hz", "Highest cycle-pair frequency", 0, 100),
    Feature("thd_pct", "%", "Total harmonic distortion", 0, 1000),
    *(Feature(f"h{order}_pct", "%", f"Harmonic {order}", 0, 1000) for order in HARMONIC_ORDERS),
    Feature("transient_peak_v", "V", "Peak of the transient residual", 0, 2 * _V_MAX),
    Feature("transient_rms_v", "V", "Rms of the transient residual", 0, _V_MAX),
    Feature("crest", "1", "Crest factor", 0, 1000),
    Feature("dc_v", "V", "Direct component", -_V_MAX, _V_MAX),
    Feature("p_inst_max", "1", "Highest instantaneous flicker of the latest second", 0, _FLICKER_MAX),
    Feature("pst", "1", "Short-term flicker severity of the last 10 minutes", 0, _FLICKER_MAX),
)
OPTIONAL_FEATURES = ("p_inst_max", "pst")
"""Features that frames of the first agents do not have; they are then 0."""
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
FEATURE_INDEX: dict[str, int] = {name: index for index, name in enumerate(FEATURE_NAMES)}
LOWEST = np.array([feature.low for feature in FEATURES], np.float32)
HIGHEST = np.array([feature.high for feature in FEATURES], np.float32)
"""Range of each feature, (len(FEATURES),)."""


class WindowFlag(IntFlag):
    """What is to be known about a window's quality; 0 is a good window."""

    CLIPPED = 1
    """Samples reached the end of the converter's range."""
    GAP = 2
    """Samples are missing inside the window."""
    VOLTAGE_LOST = 4
    """No fundamental to lock on: frequency and distortion are held from before and must not be judged."""
    FLAGGED = 8
    """A dip, swell or interruption lies in the window (IEC 61000-4-30 flagging)."""
    CLOCK_STEP = 16
    """The clock of the box was set just before the window; times before and after do not belong together."""


class TimeSource(Enum):
    """What disciplines a clock."""

    GPS = "gps"
    NTP = "ntp"
    FREE = "free"


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Consecutive windows of one box as columns.

    Attributes
    ----------
    start_unix_ns : (n,) int64
        Start of each window [ns since the epoch].
    duration_ns : (n,) int64
        Length of each window [ns]; N cycles, so it follows the frequency.
    flags : (n,) uint32
        :class:`WindowFlag` bits.
    values : (n, len(FEATURES)) float32
        Column order of `FEATURES`; always finite.
    """

    start_unix_ns: TimeArray
    duration_ns: TimeArray
    flags: FlagArray
    values: FloatArray

    def __len__(self) -> int:
        return len(self.start_unix_ns)

    def column(self, name: str) -> FloatArray:
        """Return one feature as an (n,) float32 view."""
        return self.values[:, FEATURE_INDEX[name]]

    def __getitem__(self, rows: slice) -> "Windows":
        return Windows(self.start_unix_ns[rows], self.duration_ns[rows], self.flags[rows], self.values[rows])

    @staticmethod
    def empty() -> "Windows":
        """Return no windows."""
        return Windows(
            np.empty(0, np.int64),
            np.empty(0, np.int64),
            np.empty(0, np.uint32),
            np.empty((0, len(FEATURES)), np.float32),
        )

    @staticmethod
    def concatenate(parts: "list[Windows]") -> "Windows":
        """Join consecutive windows in the order given."""
        if not parts:
            return Windows.empty()
        return Windows(
            np.concatenate([part.start_unix_ns for part in parts]),
            np.concatenate([part.duration_ns for part in parts]),
            np.concatenate([part.flags for part in parts]),
            np.concatenate([part.values for part in parts]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class FeatureFrame:
    """What a box sends once a second: the windows that started in that second."""

    box_id: BoxId
    sequence: int
    """Counts up by one per frame over the life of the box's spool; 1 is the first."""
    windows: Windows
    clock_uncertainty_ns: int

    @property
    def start_unix_ns(self) -> int:
        """Start of the first window; with the box id the natural key of the frame."""
        return int(self.windows.start_unix_ns[0])

    @property
    def end_unix_ns(self) -> int:
        """End of the last window."""
        return int(self.windows.start_unix_ns[-1] + self.windows.duration_ns[-1])


@dataclass(frozen=True, slots=True, eq=False)
class FrameBatch:
    """Frames of several boxes, one after the other, as columns.

    Attributes
    ----------
    box_ids : (n,) S64
        Box of each of the n frames, ASCII.
    sequences, uncertainty_ns : (n,) int64
        Sequence number and claimed clock uncertainty [ns] of each frame.
    bounds : (n + 1,) intp
        Frame i has the windows ``bounds[i]`` to ``bounds[i + 1]``.
    windows : Windows
        The windows of all frames.
    """

    box_ids: NameArray
    sequences: TimeArray
    uncertainty_ns: TimeArray
    bounds: npt.NDArray[np.intp]
    windows: Windows

    @staticmethod
    def of(frames: Sequence[FeatureFrame]) -> "FrameBatch":
        """Put frames together."""
        lengths = [len(frame.windows) for frame in frames]
        return FrameBatch(
            names_of([frame.box_id for frame in frames]),
            np.array([frame.sequence for frame in frames], np.int64),
            np.array([frame.clock_uncertainty_ns for frame in frames], np.int64),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp),
            Windows.concatenate([frame.windows for frame in frames]),
        )

    @staticmethod
    def join(parts: "Sequence[FrameBatch]") -> "FrameBatch":
        """Put batches together, one after the other."""
        counts = np.concatenate([part.counts() for part in parts])
        return FrameBatch(
            np.concatenate([part.box_ids for part in parts]),
            np.concatenate([part.sequences for part in parts]),
            np.concatenate([part.uncertainty_ns for part in parts]),
            np.concatenate([[0], np.cumsum(counts)]).astype(np.intp),
            Windows.concatenate([part.windows for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.box_ids)

    def counts(self) -> npt.NDArray[np.intp]:
        """Windows of each frame, (n,)."""
        return np.diff(self.bounds)

    def starts(self) -> TimeArray:
        """Start of each frame, (n,) [ns since the epoch]."""
        return self.windows.start_unix_ns[self.bounds[:-1]]

    def ends(self) -> TimeArray:
        """End of each frame, (n,) [ns since the epoch]."""
        last = self.bounds[1:] - 1
        return self.windows.start_unix_ns[last] + self.windows.duration_ns[last]

    def take(self, rows: npt.NDArray[np.intp]) -> "FrameBatch":
        """Return some of the frames, in the order of `rows`."""
        counts = self.counts()[rows]
        bounds = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
        inside = np.arange(bounds[-1]) - np.repeat(bounds[:-1], counts) + np.repeat(self.bounds[:-1][rows], counts)
        windows = self.windows
        return FrameBatch(
            self.box_ids[rows],
            self.sequences[rows],
            self.uncertainty_ns[rows],
            bounds,
            Windows(
                windows.start_unix_ns[inside],
                windows.duration_ns[inside],
                windows.flags[inside],
                windows.values[inside],
            ),
        )


def names_of(box_ids: Sequence[BoxId]) -> NameArray:
    """Return box ids as an array, (n,) S64."""
    return np.array(box_ids, "S64")


def check_values(values: FloatArray) -> None:
    """Raise unless every value of (n, len(FEATURES)) is finite and inside its feature's range.

    Raises
    ------
    InvalidInput
        Naming the first offending feature, its value and its range.
    """
    bad = ~((values >= LOWEST) & (values <= HIGHEST))
    if bad.any():
        row, column = (int(index) for index in np.argwhere(bad)[0])
        feature = FEATURES[column]
        raise InvalidInput(
            f"{feature.name} of window {row}: got {values[row, column]:g} {feature.unit}, "
            f"expected {feature.low:g} to {feature.high:g} {feature.unit}"
        )
