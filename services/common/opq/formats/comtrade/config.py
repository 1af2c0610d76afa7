"""The configuration of a COMTRADE recording: what a ``.cfg`` says, as a value."""

from dataclasses import dataclass

ASCII, BINARY, BINARY32, FLOAT32 = "ASCII", "BINARY", "BINARY32", "FLOAT32"
DATA_FORMS = (ASCII, BINARY, BINARY32, FLOAT32)
REVISIONS = (1991, 1999, 2013)


@dataclass(frozen=True, slots=True)
class AnalogChannel:
    """One line of an analogue channel (IEEE C37.111-2013, 7.4.4 (M)).

    Attributes
    ----------
    a, b : float
        A stored number x is the value ``a x + b`` [unit].
    least, most : float
        Range of stored numbers.
    primary, secondary, side
        Ratio of the instrument transformer, and the side whose values these are, ``P`` or ``S``.
    """

    name: str
    phase: str
    component: str
    unit: str
    a: float
    b: float
    skew_us: float = 0.0
    least: float = -32767.0
    most: float = 32767.0
    primary: float = 1.0
    secondary: float = 1.0
    side: str = ""


@dataclass(frozen=True, slots=True)
class StatusChannel:
    """One line of a digital channel (7.4.5 (M))."""

    name: str
    phase: str
    component: str
    normal: int = 0


@dataclass(frozen=True, slots=True)
class RateSection:
    """So many samples per second [Hz], up to and with the sample of number `last` (7.4.7 (M)). A rate of 0: see times."""

    rate_hz: float
    last: int


@dataclass(frozen=True, slots=True)
class Config:
    """All of a configuration.

    Attributes
    ----------
    start_unix_ns, trigger_unix_ns : int or None
        Times of the first sample and of the trigger [ns since the epoch, UTC]; None where the stamp is not usable.
    tick_ns : float
        Unit of the time stamps in the data [ns], the multiplier included.
    """

    station: str
    device: str
    revision: int
    analog: tuple[AnalogChannel, ...]
    digital: tuple[StatusChannel, ...]
    f_nominal_hz: float
    sections: tuple[RateSection, ...]
    start_unix_ns: int | None
    trigger_unix_ns: int | None
    data_form: str
    tick_ns: float = 1000.0
