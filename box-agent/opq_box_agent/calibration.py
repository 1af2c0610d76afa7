"""What a count is in volts: found against a reference meter, kept with where it comes from. Pure but for one file.

A reading is what the meter showed and the rms of counts at that time. The value is the mean of the ratios; how far it may be
off follows from the meter (a rectangular distribution of the accuracy in its data sheet) and from the spread of the ratios
(GUM 4.2 and 4.3), expanded by k = 2.
"""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from opq.clock import iso
from opq.errors import CorruptData, InvalidInput, check_range
from opq.trust.files import PUBLIC, write_file

MIN_READINGS = 2
"""One alone cannot show that it was misread."""
_PLAUSIBLE_PU = (0.5, 1.5)
"""A meter that shows something else is read in another range, or a digit is wrong."""
_STEADY_PCT = 0.5
_RESOLUTION_PCT = 0.05
"""A meter of three and a half digits does not show more."""
FILE = "calibration.json"


@dataclass(frozen=True, slots=True)
class Reading:
    """What the meter showed, and what the box measured then.

    Attributes
    ----------
    meter_v : float
        Reading of the meter [V].
    counts_rms : float
        Rms of the counts, without their mean.
    spread_pct : float
        Standard deviation of the rms from window to window [%].
    """

    meter_v: float
    counts_rms: float
    spread_pct: float

    @property
    def volts_per_count(self) -> float:
        """What this reading says alone."""
        return self.meter_v / self.counts_rms


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a count is in volts, and how that is known."""

    volts_per_count: float
    uncertainty_pct: float
    """Expanded, k = 2 [%]."""
    unix_ns: int
    instrument: str
    """The reference meter, with its serial number."""
    accuracy_pct: float
    """Of the meter, of the reading [%]."""
    by: str
    readings: tuple[Reading, ...]


def check_reading(reading: Reading, u_din_v: float) -> Reading:
    """Return a reading if it can be right by itself.

    Raises
    ------
    InvalidInput
        If the meter shows no voltage of this supply, the box measured none, or it was not steady.
    """
    low, high = (limit * u_din_v for limit in _PLAUSIBLE_PU)
    if not low <= reading.meter_v <= high:
        raise InvalidInput(
            f"reading: got {reading.meter_v:g} V, expected {low:g} to {high:g} V on a supply of {u_din_v:g} V; "
            "is a digit or the range wrong?"
        )
    if reading.counts_rms < 100:
        raise InvalidInput(f"reading: the box measures {reading.counts_rms:.1f} counts; is it connected to the supply?")
    if reading.spread_pct > _STEADY_PCT:
        raise InvalidInput(
            f"reading: the voltage varied by {reading.spread_pct:.2f} % meanwhile, expected at most {_STEADY_PCT} %; "
            "wait until it is steady"
        )
    return reading


def fit(readings: Sequence[Reading], accuracy_pct: float) -> tuple[float, float]:
    """Return the volts per count that readings say together, and its expanded uncertainty [%].

    Raises
    ------
    InvalidInput
        If there are too few, or one does not fit the others.
    """
    check_range("accuracy", accuracy_pct, 0.0001, 5, "%")
    if len(readings) < MIN_READINGS:
        raise InvalidInput(f"calibration: got {len(readings)} readings, expected at least {MIN_READINGS}")
    ratios = [reading.volts_per_count for reading in readings]
    middle = statistics.median(ratios)
    meter_pct = accuracy_pct / math.sqrt(3)
    for number, (reading, ratio) in enumerate(zip(readings, ratios, strict=True), 1):
        allowed = 3 * math.hypot(meter_pct, reading.spread_pct, _RESOLUTION_PCT)
        off = 100 * (ratio / middle - 1)
        if abs(off) > allowed:
            raise InvalidInput(
                f"calibration: reading {number} ({reading.meter_v:g} V) is {off:+.2f} % off the middle of all, expected "
                f"at most {allowed:.2f} %; begin again"
            )
    value = statistics.fmean(ratios)
    spread_pct = 100 * statistics.stdev(ratios) / value / math.sqrt(len(ratios))
    return value, 2 * math.hypot(meter_pct, spread_pct, _RESOLUTION_PCT)


def load_calibrations(folder: Path) -> list[Calibration]:
    """Return all calibrations of a box, the valid one last; none if there never was one.

    Raises
    ------
    CorruptData
        If the file does not read.
    """
    path = folder / FILE
    try:
        raw = json.loads(path.read_bytes())
        return [
            Calibration(**{**one, "readings": tuple(Reading(**reading) for reading in one["readings"])})
            for one in raw["calibrations"]
        ]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptData(f"{path}: expected a calibration as opq box calibrate writes it; calibrate again") from error


def save_calibration(folder: Path, calibration: Calibration) -> None:
    """Make a calibration the valid one; those before stay in the file behind it."""
    before = load_calibrations(folder)
    document = {"calibrations": [{**asdict(one), "readings": list(map(asdict, one.readings))} for one in before]}
    document["calibrations"].append({**asdict(calibration), "readings": list(map(asdict, calibration.readings))})
    write_file(folder / FILE, json.dumps(document, indent=1).encode(), PUBLIC, replace=True)


def phrase(calibration: Calibration) -> str:
    """Say a calibration in a sentence."""
    by = f" by {calibration.by}" if calibration.by else ""
    return (
        f"{calibration.volts_per_count:.7g} V per count, +/-{calibration.uncertainty_pct:.2f} % (k = 2), "
        f"{iso(calibration.unix_ns)}{by} with {calibration.instrument}, {len(calibration.readings)} readings"
    )
