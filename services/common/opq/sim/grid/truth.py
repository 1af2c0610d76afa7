"""What really happened, and by how much at which box: what detection is judged by."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from opq.errors import InvalidInput
from opq.model.boxes import Limits
from opq.sim.grid.kinds import HappeningKind

Values = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

DEFAULT_LIMITS = Limits()
AFFECTED_U_PU = 0.01
AFFECTED_F_HZ = 0.020
AFFECTED_THD_PCT = 1.0
AFFECTED_TRANSIENT_PU = 0.02
"""A change of at least this much counts as affected."""
MARGIN_U_PU = 0.003
MARGIN_F_HZ = 0.003
MARGIN_THD_PCT = 0.2
MARGIN_TRANSIENT_PU = 0.007
"""Nearer than this to a limit, noise decides whether it is passed."""


@dataclass(frozen=True, slots=True)
class Touch:
    """What one happening did at the boxes it reached; tuples of equal length, in the order of `box`.

    Extremes are of the voltage as it was, noise left out; changes are the happening's own share.
    """

    box: tuple[int, ...] = ()
    """Index into `World.boxes`."""
    u_min_pu: tuple[float, ...] = ()
    """Lowest half-cycle rms [pu]."""
    u_max_pu: tuple[float, ...] = ()
    u_change_pu: tuple[float, ...] = ()
    f_deviation_hz: tuple[float, ...] = ()
    """Largest distance from nominal [Hz]."""
    f_change_hz: tuple[float, ...] = ()
    thd_pct: tuple[float, ...] = ()
    """Highest THD [%]."""
    thd_change_pct: tuple[float, ...] = ()
    transient_pu: tuple[float, ...] = ()
    """Peak of the transient over Udin [pu]."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened. Arrays are over all boxes, NaN where nothing of it arrives."""

    kind: HappeningKind
    start_unix_ns: int
    end_unix_ns: int
    origin: str
    """Box id, feeder label, ``substation``, ``transmission`` or ``everywhere``."""
    box_count: int
    """Boxes of the grid."""
    touch: Touch = field(repr=False)

    def over_boxes(self, name: str) -> Values:
        """Return one field of `Touch` over all boxes, (boxes,), NaN where nothing arrives."""
        values = np.full(self.box_count, np.nan)
        values[list(self.touch.box)] = getattr(self.touch, name)
        return values

    @property
    def u_min_pu(self) -> Values:
        """Lowest half-cycle rms, (boxes,) [pu]."""
        return self.over_boxes("u_min_pu")

    @property
    def u_max_pu(self) -> Values:
        """Highest half-cycle rms, (boxes,) [pu]."""
        return self.over_boxes("u_max_pu")

    @property
    def f_deviation_hz(self) -> Values:
        """Largest distance of the frequency from nominal, (boxes,) [Hz]."""
        return self.over_boxes("f_deviation_hz")

    @property
    def thd_pct(self) -> Values:
        """Highest THD, (boxes,) [%]."""
        return self.over_boxes("thd_pct")

    @property
    def transient_pu(self) -> Values:
        """Transient peak, (boxes,) [pu of Udin]."""
        return self.over_boxes("transient_pu")

    def hard(self, limits: Limits = DEFAULT_LIMITS) -> Bools:
        """Return at which boxes it went beyond a limit, (boxes,)."""
        return self._beyond(limits, 0.0)

    def _beyond(self, limits: Limits, margin: float) -> Bools:
        """Return where a limit, moved outwards by so many margins, is passed."""
        return (
            (self.u_min_pu < limits.u_low_pu - margin * MARGIN_U_PU)
            | (self.u_max_pu > limits.u_high_pu + margin * MARGIN_U_PU)
            | (self.f_deviation_hz > limits.f_deviation_hz + margin * MARGIN_F_HZ)
            | (self.thd_pct > limits.thd_pct + margin * MARGIN_THD_PCT)
            | (self.transient_pu > limits.transient_pu + margin * MARGIN_TRANSIENT_PU)
        )

    def borderline_boxes(self, limits: Limits = DEFAULT_LIMITS) -> Bools:
        """Return at which boxes only noise decides whether a limit is passed, (boxes,): not to be judged as hard."""
        return self._beyond(limits, -1.0) & ~self._beyond(limits, 1.0)

    def borderline(self, limits: Limits = DEFAULT_LIMITS) -> bool:
        """Whether the happening as a whole is not to be judged: no box is clearly beyond a limit, some are near one."""
        return not bool(self._beyond(limits, 1.0).any()) and bool(self._beyond(limits, -1.0).any())

    def affected(self, limits: Limits = DEFAULT_LIMITS) -> Bools:
        """Return which boxes it changed by at least the ``AFFECTED`` values or took beyond a limit, (boxes,)."""
        return (
            (self.over_boxes("u_change_pu") >= AFFECTED_U_PU)
            | (self.over_boxes("f_change_hz") >= AFFECTED_F_HZ)
            | (self.over_boxes("thd_change_pct") >= AFFECTED_THD_PCT)
            | (self.over_boxes("transient_pu") >= AFFECTED_TRANSIENT_PU)
            | self.hard(limits)
        )

    def hard_boxes(self, limits: Limits = DEFAULT_LIMITS) -> tuple[int, ...]:
        """Return the indices of the boxes at which it went beyond a limit."""
        return tuple(np.flatnonzero(self.hard(limits)).tolist())

    def affected_boxes(self, limits: Limits = DEFAULT_LIMITS) -> tuple[int, ...]:
        """Return the indices of the boxes that it changed noticeably, beyond a limit or not."""
        return tuple(np.flatnonzero(self.affected(limits)).tolist())

    def sub_threshold_boxes(self, limits: Limits = DEFAULT_LIMITS) -> tuple[int, ...]:
        """Return the indices of the boxes that it changed noticeably but left within their limits."""
        return tuple(np.flatnonzero(self.affected(limits) & ~self.hard(limits)).tolist())

    @property
    def grid_wide(self) -> bool:
        """Whether at least half of the boxes were affected."""
        return 2 * int(self.affected().sum()) >= self.box_count


_TRUTH = TypeAdapter(tuple[Happening, ...])


def save_truth(truth: tuple[Happening, ...], path: Path) -> None:
    """Write as JSON; only the boxes that something reached are written."""
    path.write_bytes(_TRUTH.dump_json(truth))


def load_truth(path: Path) -> tuple[Happening, ...]:
    """Read what `save_truth` wrote.

    Raises
    ------
    InvalidInput
        If the file is missing or no truth, naming the place.
    """
    try:
        return _TRUTH.validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"truth: cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"truth: {path}: {place}: {first['msg']}") from error
