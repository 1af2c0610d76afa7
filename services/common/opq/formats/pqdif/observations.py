"""Observations of a PQDIF file: what was measured, by which channels, when (IEEE 1159.3-2003, logical layer)."""

from collections.abc import Iterator
from dataclasses import dataclass

from opq.errors import CorruptData
from opq.formats.pqdif import tags
from opq.formats.pqdif.element import Collection
from opq.formats.pqdif.ids import CHARACTERISTICS, DISTURBANCES, QUANTITY_TYPES, VALUE_TYPES
from opq.formats.pqdif.records import RecordFile, RecordHeader
from opq.formats.pqdif.series import STORED_INCREMENT, STORED_SCALED, Series
from opq.formats.text import note

WAVEFORM = "waveform"
PHASES = {
    0: "", 1: "A", 2: "B", 3: "C", 4: "N", 5: "AB", 6: "BC", 7: "CA", 8: "residual", 9: "net", 10: "positive",
    11: "negative", 12: "zero", 13: "total", 14: "LN average", 15: "LL average", 16: "worst", 17: "plus", 18: "minus",
}  # fmt: skip
UNITS = {
    0: "", 1: "unix", 2: "s", 3: "cycles", 6: "V", 7: "A", 8: "VA", 9: "W", 10: "var", 11: "ohm", 12: "S", 13: "V/A",
    14: "J", 15: "Hz", 16: "degC", 17: "deg", 18: "dB", 19: "%", 20: "pu", 21: "samples", 22: "varh", 23: "Wh",
    24: "VAh", 25: "m/s", 26: "mi/h", 27: "bar", 28: "Pa", 29: "N", 30: "Nm", 31: "1/min", 32: "rad/s", 33: "m",
    34: "Wb", 35: "T", 36: "Wb", 37: "V/V", 38: "A/A", 39: "A/V",
}  # fmt: skip
QUANTITIES = {1: "voltage", 2: "current", 3: "power", 4: "energy", 5: "temperature", 17: "status"}
TRIGGERS = {0: "none", 1: "channel", 2: "periodic", 3: "external", 4: "periodic statistics"}


@dataclass(frozen=True, slots=True, eq=False)
class ObservedChannel:
    """What one channel measured in one observation.

    Attributes
    ----------
    quantity_type : str
        ``waveform``, ``valuelog``, ``phasor`` and so on.
    quantity : str
        ``voltage``, ``current`` and so on; empty if the file says nothing OPQ knows.
    """

    name: str
    phase: str
    quantity_type: str
    quantity: str
    series: tuple[Series, ...]

    def of(self, value_type: str) -> Series | None:
        """Return the first series of a type."""
        return next((one for one in self.series if one.value_type == value_type), None)


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """An event or a measurement.

    Attributes
    ----------
    number : int
        In the file, from 1.
    trigger : str
        What caused it: ``none``, ``channel``, ``periodic``, ``external``, ``periodic statistics``.
    disturbance : str
        Category of IEEE 1159; empty if the file gives none.
    """

    number: int
    header: RecordHeader
    name: str
    start_unix_ns: int | None
    triggered_unix_ns: int | None
    trigger: str
    disturbance: str
    channels: tuple[ObservedChannel, ...]
    station: str = ""
    device: str = ""
    f_nominal_hz: float = 0.0

    @property
    def is_waveform(self) -> bool:
        """Whether any channel is a waveform."""
        return any(channel.quantity_type == WAVEFORM for channel in self.channels)


def observations(file: RecordFile, numbers: frozenset[int] | None = None) -> Iterator[Observation]:
    """Read the observations of a file one after the other; what cannot be read is noted and passed over.

    Parameters
    ----------
    numbers : set of int, optional
        Read only these, counted from 1.
    """
    source, settings = Collection(tags.REC_DATA_SOURCE), Collection(tags.REC_MONITOR_SETTINGS)
    number = 0
    for header in file.headers:
        wanted = header.tag in (tags.REC_DATA_SOURCE, tags.REC_MONITOR_SETTINGS)
        if header.tag == tags.REC_OBSERVATION:
            number += 1
            wanted = numbers is None or number in numbers
        if not wanted:
            continue
        try:
            tree = file.tree(header)
        except CorruptData as error:
            note(file.notes, f"{str(error).removeprefix(f'{file.path}: ')}; left out")
            continue
        if header.tag == tags.REC_DATA_SOURCE:
            source, settings = tree, Collection(tags.REC_MONITOR_SETTINGS)
        elif header.tag == tags.REC_MONITOR_SETTINGS:
            settings = tree
        else:
            yield _observation(file, number, header, tree, source, settings)


def _observation(
    file: RecordFile, number: int, header: RecordHeader, tree: Collection, source: Collection, settings: Collection
) -> Observation:
    definitions = tuple(source.collection(tags.CHANNEL_DEFNS).collections(tags.ONE_CHANNEL_DEFN))
    instances = tuple(tree.collection(tags.CHANNEL_INSTANCES).collections(tags.ONE_CHANNEL_INST))
    channels = []
    for instance in instances:
        index = instance.whole(tags.CHANNEL_DEFN_IDX, -1)
        if not 0 <= index < len(definitions):
            note(file.notes, f"record at byte {header.offset}: channel {index} is not defined; left out")
            continue
        ratio = _transducer_ratio(settings, index)
        if ratio != 1:
            note(file.notes, f"values multiplied by the ratio of their transducer: channel {index + 1} by {ratio:g}")
        channels.append(_channel(instance, instances, definitions[index], ratio))
    category = tree.uuid(tags.DISTURBANCE_CATEGORY_ID)
    return Observation(
        number=number,
        header=header,
        name=tree.text(tags.OBSERVATION_NAME),
        start_unix_ns=tree.unix_ns(tags.TIME_START),
        triggered_unix_ns=tree.unix_ns(tags.TIME_TRIGGERED),
        trigger=TRIGGERS.get(tree.whole(tags.TRIGGER_METHOD_ID, 0), ""),
        disturbance=DISTURBANCES.get(category, str(category)) if category else "",
        channels=tuple(channels),
        station=source.text(tags.NAME_DS),
        device=source.text(tags.INSTRUMENT_MODEL_NAME) or source.text(tags.SERIAL_NUMBER_DS),
        f_nominal_hz=settings.number(tags.NOMINAL_FREQUENCY, 0.0),
    )


def _channel(
    instance: Collection, instances: tuple[Collection, ...], definition: Collection, ratio: float
) -> ObservedChannel:
    defined = list(definition.collection(tags.SERIES_DEFNS).collections(tags.ONE_SERIES_DEFN))
    stored = list(instance.collection(tags.SERIES_INSTANCES).collections(tags.ONE_SERIES_INSTANCE))
    series = (_series(one, what, instances, ratio) for one, what in zip(stored, defined, strict=False))
    quantity_type = definition.uuid(tags.QUANTITY_TYPE_ID)
    return ObservedChannel(
        name=definition.text(tags.CHANNEL_NAME),
        phase=PHASES.get(definition.whole(tags.PHASE_ID, 0), ""),
        quantity_type=QUANTITY_TYPES.get(quantity_type, str(quantity_type)) if quantity_type else "",
        quantity=QUANTITIES.get(definition.whole(tags.QUANTITY_MEASURED_ID, 0), ""),
        series=tuple(one for one in series if one is not None),
    )


def _series(
    instance: Collection, definition: Collection, instances: tuple[Collection, ...], ratio: float
) -> Series | None:
    holder = instance if instance.value(tags.SERIES_VALUES) else _shared(instance, instances)
    stored = holder.value(tags.SERIES_VALUES)
    if stored is None:
        return None
    method = definition.whole(tags.STORAGE_METHOD_ID, 1)
    scaled = bool(method & STORED_SCALED)
    value_type, characteristic = definition.uuid(tags.VALUE_TYPE_ID), definition.uuid(tags.QUANTITY_CHARACTERISTIC_ID)
    unit = UNITS.get(definition.whole(tags.QUANTITY_UNITS_ID, 0), "")
    factor = ratio if unit in ("V", "A") else 1.0
    return Series(
        value_type=VALUE_TYPES.get(value_type, str(value_type)) if value_type else "",
        unit=unit,
        characteristic=CHARACTERISTICS.get(characteristic, str(characteristic)) if characteristic else "",
        stored=stored,
        scale=(holder.number(tags.SERIES_SCALE, 1.0) if scaled else 1.0) * factor,
        offset=(holder.number(tags.SERIES_OFFSET, 0.0) if scaled else 0.0) * factor,
        increments=bool(method & STORED_INCREMENT),
    )


def _shared(instance: Collection, instances: tuple[Collection, ...]) -> Collection:
    """Return the series of another channel that this one shares, an empty one if it shares none."""
    channel = instance.whole(tags.SERIES_SHARE_CHANNEL_IDX, -1)
    series = instance.whole(tags.SERIES_SHARE_SERIES_IDX, -1)
    if 0 <= channel < len(instances):
        owned = list(instances[channel].collection(tags.SERIES_INSTANCES).collections(tags.ONE_SERIES_INSTANCE))
        if 0 <= series < len(owned):
            return owned[series]
    return Collection(tags.ONE_SERIES_INSTANCE)


def _transducer_ratio(settings: Collection, channel: int) -> float:
    """Return what values are to be multiplied by, if the settings say that this is still to be done."""
    if not settings.whole(tags.USE_TRANSDUCER, 0):
        return 1.0
    for one in settings.collection(tags.CHANNEL_SETTINGS_ARRAY).collections(tags.ONE_CHANNEL_SETTING):
        if one.whole(tags.CHANNEL_DEFN_IDX, -1) == channel:
            system = one.number(tags.XD_SYSTEM_SIDE_RATIO, 1.0)
            monitor = one.number(tags.XD_MONITOR_SIDE_RATIO, 1.0)
            return system / monitor if system and monitor else 1.0
    return 1.0
