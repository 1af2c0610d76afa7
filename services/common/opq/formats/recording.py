"""A recording: channels of evenly spaced samples, whole in memory or in a file that is read in pieces."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from opq.errors import InvalidInput, check_range

SampleArray = npt.NDArray[np.float64]
StateArray = npt.NDArray[np.uint8]
"""States of digital channels, 0 or 1."""
ChunkReader = Callable[[tuple[int, ...]], Iterator[SampleArray]]
"""Given numbers of channels, yields consecutive (k, any) arrays from sample 0."""

Number = TypeVar("Number", bound=np.generic)

_MOST_PER_BLOCK = 100_000_000


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """What a file says about one channel.

    Attributes
    ----------
    unit : str
        ``V`` for volts, ``A`` for amperes; ``count`` for converter counts without calibration; else as the file says.
    phase : str
        ``A``, ``B``, ``C``, ``N``, ``AB`` and so on, or what the file says; empty if it says nothing.
    component : str
        The part of the circuit that is watched, such as the name of a busbar.
    step, offset : float
        The samples are whole numbers times `step` plus `offset` [`unit`]; a `step` of 0 means it is not known.
    primary, secondary : float
        Ratio of the instrument transformer, in the same unit; 1 and 1 if there is none.
    side : str
        ``P`` or ``S``: the samples are values of the primary or the secondary side; empty if the file does not say.
    """

    name: str
    unit: str
    phase: str = ""
    component: str = ""
    step: float = 0.0
    offset: float = 0.0
    primary: float = 1.0
    secondary: float = 1.0
    side: str = ""


@dataclass(frozen=True, slots=True)
class DigitalChannel:
    """A channel of states, 0 or 1, such as a contact of a relay."""

    name: str
    phase: str = ""
    component: str = ""
    normal: int = 0
    """The state when nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Details:
    """What else a file says about a recording."""

    station: str = ""
    device: str = ""
    f_nominal_hz: float = 0.0
    """Nominal frequency of the grid [Hz]; 0 if the file does not say."""
    trigger_unix_ns: int | None = None
    """Time of the trigger [ns since the epoch, UTC]."""


NO_DETAILS = Details()


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """One recorded quantity.

    Attributes
    ----------
    unit : str
        ``V`` for volts; ``count`` for converter counts without calibration; else as the file says.
    samples : (n,) float64
        Values in `unit`.
    phase : str
        See :class:`ChannelInfo`.
    """

    name: str
    unit: str
    samples: SampleArray
    phase: str = ""


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
        return self.channels[_find(self.source, self.channels, name)]

    def stored(self) -> "StoredRecording":
        """Return the same recording as one that is read in pieces."""

        def chunks(numbers: tuple[int, ...]) -> Iterator[SampleArray]:
            yield np.stack([self.channels[number].samples for number in numbers])

        return StoredRecording(
            source=self.source,
            channels=tuple(ChannelInfo(channel.name, channel.unit, channel.phase) for channel in self.channels),
            sample_rate_hz=self.sample_rate_hz,
            start_unix_ns=self.start_unix_ns,
            samples=min((len(channel.samples) for channel in self.channels), default=0),
            chunks=chunks,
        )


@dataclass(frozen=True, slots=True, eq=False)
class StoredRecording:
    """Evenly sampled channels with one rate and one start, read from their file in pieces.

    Attributes
    ----------
    source : str
        Path of the file; with the number and name of the recording where the file holds several.
    samples : int
        Samples per channel; where the end of a file turns out to be damaged while it is read, `blocks` gives fewer.
    chunks : callable
        Where the samples come from; use `blocks`.
    digital, states
        Digital channels, and what yields their states as (k, any) arrays of 0 and 1, in step with the samples.
    """

    source: str
    channels: tuple[ChannelInfo, ...]
    sample_rate_hz: float
    start_unix_ns: int | None
    samples: int
    chunks: ChunkReader = field(repr=False)
    details: Details = NO_DETAILS
    digital: tuple[DigitalChannel, ...] = ()
    states: Callable[[], Iterator[StateArray]] | None = field(default=None, repr=False)

    def blocks(self, channels: Sequence[int], samples_per_block: int) -> Iterator[SampleArray]:
        """Yield consecutive blocks from the first sample on; each call begins anew.

        Parameters
        ----------
        channels : sequence of int
            Numbers of channels, from 0.
        samples_per_block : int
            Samples per channel in a block; the last block may be shorter.

        Yields
        ------
        (k, n) float64
            In the units of the channels.

        Raises
        ------
        InvalidInput
            If a number is out of range, or the file is damaged beyond use.
        """
        for number in channels:
            check_range("channel number", number, 0, len(self.channels) - 1)
        check_range("samples_per_block", samples_per_block, 1, _MOST_PER_BLOCK)
        return _reblocked(self.chunks(tuple(channels)), samples_per_block) if channels else iter(())

    def digital_blocks(self, samples_per_block: int) -> Iterator[StateArray]:
        """Yield the states of all digital channels in blocks, as `blocks` does; nothing if there are none."""
        return _reblocked(self.states(), samples_per_block) if self.states and self.digital else iter(())

    def channel_index(self, name: str = "") -> int:
        """Return the number from 0 of a channel given by name or by number from 1; without a name the first voltage.

        Raises
        ------
        InvalidInput
            If there is none, naming those there are.
        """
        return _find(self.source, self.channels, name)


def _reblocked(chunks: Iterable[npt.NDArray[Number]], samples_per_block: int) -> Iterator[npt.NDArray[Number]]:
    """Cut and join (k, any) arrays so that all but the last have `samples_per_block` samples."""
    held: list[npt.NDArray[Number]] = []
    missing = samples_per_block
    for chunk in chunks:
        at = 0
        while chunk.shape[1] - at >= missing:
            held.append(chunk[:, at : at + missing])
            at += missing
            yield held[0].copy() if len(held) == 1 else np.concatenate(held, axis=1)
            held, missing = [], samples_per_block
        if at < chunk.shape[1]:
            held.append(chunk[:, at:])
            missing -= chunk.shape[1] - at
    if held:
        yield np.concatenate(held, axis=1)


def _find(source: str, channels: Sequence[Channel | ChannelInfo], name: str) -> int:
    names, units = [channel.name for channel in channels], [channel.unit for channel in channels]
    numbers = [str(number) for number in range(1, len(channels) + 1)]
    tries = ((name, names), (name, numbers)) if name else (("V", units), ("count", units))
    for wanted, among in tries:
        if wanted in among:
            return among.index(wanted)
    known = ", ".join(f"{number} {channel.name!r} [{channel.unit}]" for number, channel in enumerate(channels, 1))
    asked = f"channel {name!r}" if name else "a channel in volts"
    raise InvalidInput(f"{source}: {asked} is not in the recording; it has: {known[:1000]}")
