"""A recording: channels of evenly spaced samples."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.errors import InvalidInput

SampleArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """One recorded quantity.

    Attributes
    ----------
    unit : str
        ``V`` for volts; ``count`` for converter counts without calibration; else as the file says.
    samples : (n,) float64
        Values in `unit`.
    """

    name: str
    unit: str
    samples: SampleArray


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Channels that were sampled together."""

    source: str
    """Where it came from, for messages."""
    sample_rate_hz: float
    channels: tuple[Channel, ...]
    start_unix_ns: int | None = None
    """Time of the first sample; None if the file does not say."""
    notes: tuple[str, ...] = ()
    """What was odd about the file and how it was read all the same."""

    def channel(self, name: str = "") -> Channel:
        """Return a channel by name (or its number from 1); without a name the first voltage.

        Raises
        ------
        InvalidInput
            If there is none, naming those there are.
        """
        if name:
            for number, channel in enumerate(self.channels, 1):
                if name in (channel.name, str(number)):
                    return channel
        else:
            for channel in self.channels:
                if channel.unit in ("V", "count"):
                    return channel
        known = ", ".join(
            f"{number} {channel.name!r} [{channel.unit}]" for number, channel in enumerate(self.channels, 1)
        )
        wanted = f"channel {name!r}" if name else "a channel in volts"
        raise InvalidInput(f"{self.source}: {wanted} is not in the recording; it has: {known[:1000]}")
