"""Whose clock can be believed: a box whose stamps do not fit their time of arrival is kept apart from the others.

The age of a frame when it arrives is network, and whatever delays it, plus the error of the box's clock. Late frames are
no wrong clock: a clock does not become wrong without a step in the stamps. So a box is doubted when its frames
come from the future; when their age is off by more than a second from that of most boxes after a step; or when it stays
off by the same amount for long, sooner if the box was never seen right. It is believed again when the age fits.
"""

import numpy as np
import numpy.typing as npt

from opq.clock import NS

TOLERANCE_NS = NS
"""An age off the usual by more than this does not fit."""
_EXPECTED_NS = 3 * NS // 10
_STEADY_NS = 3 * NS // 10
_STEP_NS = NS // 2
_DRIFT = 0.05
"""Frames that were missed between two may have been a little longer or shorter than these."""
_LONG, _SOON = 60, 5
"""Frames with the same age that does not fit, of a box that was once right and of one that never was."""
_MAX_UNCERTAINTY_NS = 2 * NS
"""A box that says itself that its time may be this wrong is not believed."""
_HEARD_NS = 10 * NS

Times = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Clocks:
    """Judges the clocks of the boxes of one grid by the frames that arrive live."""

    def __init__(self) -> None:
        self._sequence = np.zeros(0, np.int64)
        self._end_unix_ns = np.zeros(0, np.int64)
        self._age_ns = np.zeros(0, np.int64)
        self._heard_ns = np.zeros(0, np.int64)
        self._doubted = np.zeros(0, np.bool_)
        self._was_right = np.zeros(0, np.bool_)
        self._same = np.zeros(0, np.int64)
        """Frames in a row whose age is the same and does not fit."""
        self._uncertainty_ns = np.zeros(0, np.int64)

    def grow(self, count: int) -> None:
        """Make room for boxes; a box is believed until it shows otherwise."""
        missing = count - len(self._sequence)
        if missing > 0:
            for name, array in list(vars(self).items()):
                setattr(self, name, np.concatenate([array, np.zeros(missing, array.dtype)]))

    def arrived(
        self, slot: npt.NDArray[np.intp], sequence: Times, start: Times, end: Times, uncertainty: Times, now: int
    ) -> None:
        """Take note of frames, (n,) each: box, sequence number, span in the box's time, claimed uncertainty [ns].

        `now` is when they arrived, by the site's clock.
        """
        newest = sequence > self._sequence[slot]
        if not newest.all():
            slot, sequence, start, end, uncertainty = (
                each[newest] for each in (slot, sequence, start, end, uncertainty)
            )
        if not len(slot):
            return
        age = now - end
        usual = self.usual_age_ns(now, slot, age)
        odd = np.abs(age - usual) > TOLERANCE_NS
        missed_ns = (sequence - self._sequence[slot] - 1) * (end - start)
        step = np.abs(start - self._end_unix_ns[slot] - missed_ns) > _STEP_NS + _DRIFT * missed_ns
        step &= self._sequence[slot] > 0
        steady = np.abs(age - self._age_ns[slot]) < _STEADY_NS
        same = np.where(odd & steady, self._same[slot] + 1, 0)
        was_right = self._was_right[slot] | ~odd
        wrong = odd & ((age < usual) | step | (same >= np.where(was_right, _LONG, _SOON)) | self._doubted[slot])
        self._doubted[slot] = wrong | (uncertainty > _MAX_UNCERTAINTY_NS)
        self._same[slot], self._was_right[slot] = same, was_right
        self._sequence[slot], self._end_unix_ns[slot], self._age_ns[slot] = sequence, end, age
        self._heard_ns[slot], self._uncertainty_ns[slot] = now, uncertainty

    def usual_age_ns(self, now: int, slot: npt.NDArray[np.intp] | None = None, age: Times | None = None) -> int:
        """Median age of the frames of all boxes heard of lately, those just arriving (`slot`, `age`) included [ns]."""
        ages = self._age_ns.copy()
        heard = now - self._heard_ns < _HEARD_NS
        if slot is not None and age is not None:
            ages[slot] = age
            heard[slot] = True
        # One expected age among them, so that of two boxes that disagree the plausible one is believed.
        return int(np.median(np.append(ages[heard], _EXPECTED_NS)))

    def doubted(self, slot: npt.NDArray[np.intp]) -> Mask:
        """Whether each box's clock is not to be believed, (n,) bool."""
        return self._doubted[slot]

    def uncertainty_ns(self, slot: npt.NDArray[np.intp]) -> Times:
        """What the boxes claim, (n,) int64 [ns]."""
        return self._uncertainty_ns[slot]

    def age_ns(self, slot: int) -> int:
        """Age of the newest frame of a box when it arrived [ns]."""
        return int(self._age_ns[slot])
