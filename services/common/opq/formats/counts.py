"""How values become whole numbers of a converter's size."""

from dataclasses import dataclass

from opq.errors import InvalidInput
from opq.formats.recording import ChannelInfo
from opq.formats.writing import Extent


@dataclass(frozen=True, slots=True)
class CountScale:
    """A count is `step` [the channel's unit]; zero counts are `offset`."""

    step: float
    offset: float = 0.0


def exact_scale(
    info: ChannelInfo, values: Extent, channel: int, greatest: int, volts_per_count: float | None = None
) -> CountScale | None:
    """Return what a count is, if that is known; None if a scale has to be made up.

    In this order: `volts_per_count` if it is given and the channel is in volts; one, for counts that are whole numbers;
    the step the channel was read with, if its values fit.

    Raises
    ------
    InvalidInput
        If values do not fit into `volts_per_count`.
    """
    least, most = float(values.least[channel]), float(values.most[channel])
    peak = max(-least, most)
    if volts_per_count is not None and info.unit == "V":
        if peak > (greatest + 0.5) * volts_per_count:
            raise InvalidInput(
                f"scale: got {volts_per_count:g} V per count, expected at least {peak / greatest:g} for"
                f" the greatest value of {peak:g} V"
            )
        return CountScale(volts_per_count)
    if info.unit == "count" and values.whole and peak <= greatest:
        return CountScale(1.0)
    if info.step > 0 and max(most - info.offset, info.offset - least) <= (greatest + 0.4) * info.step:
        return CountScale(info.step, info.offset)
    return None


def count_scale(
    info: ChannelInfo, values: Extent, channel: int, greatest: int, volts_per_count: float | None = None
) -> CountScale:
    """Return what a count is: what is known, else so that the greatest value is the greatest count."""
    known = exact_scale(info, values, channel, greatest, volts_per_count)
    peak = max(-float(values.least[channel]), float(values.most[channel]))
    return known or CountScale(peak / greatest or 1.0)
