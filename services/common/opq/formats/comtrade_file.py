"""COMTRADE (IEEE C37.111), through the package `comtrade`, with a fall-back for text that is not UTF-8."""

import re
import warnings
from datetime import UTC, datetime
from pathlib import Path

import comtrade
import numpy as np

from opq.clock import NS
from opq.errors import InvalidInput
from opq.formats.recording import Channel, Recording

_UNIT_SCALES = {"kv": 1e3, "v": 1.0, "mv": 1e-3}
_HIGH_RUNS = re.compile(rb"[\xc0-\xff]+")
_UNEVEN = 0.01


def read_comtrade(path: Path, sample_rate_hz: float | None) -> Recording:
    """Read the analogue channels of a ``.cfg`` with its ``.dat``, or of a ``.cff``. Voltages come in volts.

    Raises
    ------
    InvalidInput
        If a file of the pair is missing or the package does not read them; what it said is repeated.
    """
    config, data = _pair(path)
    encoding = _encoding(config.read_bytes())
    record = comtrade.Comtrade(ignore_warnings=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            record.load(str(config), None if data is None else str(data), encoding=encoding)
    except Exception as error:
        raise InvalidInput(f"{path}: not readable as COMTRADE ({type(error).__name__}: {error})") from error
    if not record.total_samples or not record.analog:
        raise InvalidInput(f"{path}: holds no analogue samples")
    notes = () if encoding == "utf-8" else (f"text read as {encoding}",)
    rate = sample_rate_hz or _rate(path, record)
    channels = tuple(
        _channel(record.analog_channel_ids[number], record.cfg.analog_channels[number].uu, record.analog[number])
        for number in range(record.analog_count)
    )
    return Recording(str(path), rate, channels, _start(record.start_timestamp), notes)


def _pair(path: Path) -> tuple[Path, Path | None]:
    """Find the configuration and the data file, whatever the case of their endings."""
    if path.suffix.lower() == ".cff":
        return path, None
    siblings = {other.suffix.lower(): other for other in path.parent.iterdir() if other.stem == path.stem}
    for ending in (".cfg", ".dat"):
        if ending not in siblings:
            raise InvalidInput(f"{path}: COMTRADE needs a .cfg and a .dat of one name; {path.stem}{ending} is missing")
    return siblings[".cfg"], siblings[".dat"]


def _encoding(text: bytes) -> str:
    """Guess the encoding: UTF-8 if it is valid; else Cyrillic if high letters come in words, else Western European."""
    head = text.split(b"\n--- file type: DAT", 1)[0]
    try:
        head.decode("utf-8")
    except UnicodeDecodeError:
        runs = [len(run) for run in _HIGH_RUNS.findall(head)]
        return "cp1251" if runs and float(np.mean(runs)) > 2 else "iso-8859-1"
    return "utf-8"


def _rate(path: Path, record: comtrade.Comtrade) -> float:
    """Sample rate [Hz]: that of the configuration if it is one, else from the time stamps if they are even."""
    rates = {rate for rate, _ in record.cfg.sample_rates if rate}
    if len(rates) == 1:
        return float(rates.pop())
    if len(rates) > 1:
        raise InvalidInput(f"{path}: several sample rates ({sorted(rates)} Hz) in one file are not supported yet")
    steps = np.diff(np.asarray(record.time, np.float64))
    typical = float(np.median(steps)) if len(steps) else 0.0
    if typical <= 0 or np.abs(steps - typical).max() > _UNEVEN * typical:
        raise InvalidInput(f"{path}: the configuration gives no sample rate and the time stamps are not even")
    return 1 / typical


def _channel(name: str, unit: str, values: object) -> Channel:
    samples = np.asarray(values, np.float64)
    scale = _UNIT_SCALES.get(unit.strip().lower())
    if scale is None:
        return Channel(name, unit.strip(), samples)
    return Channel(name, "V", samples * scale)


def _start(stamp: datetime | None) -> int | None:
    """Time of the first sample; stamps without a zone are taken as UTC, as the standard leaves them open."""
    if not isinstance(stamp, datetime) or stamp.year < 1971:
        return None
    aware = stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)
    return int(aware.timestamp()) * NS + aware.microsecond * 1000
