"""Writes the text of a ``.cfg``."""

import math
from datetime import UTC, datetime

from opq.clock import NS
from opq.formats.comtrade.config import AnalogChannel, Config, StatusChannel

_UNKNOWN_TIME = 0
"""A recording without a time begins in 1970, which readers take as not set."""


def config_text(config: Config) -> str:
    """Write a configuration (IEEE C37.111-1999 or -2013, clause 7 (M)), its lines ended as the standard says."""
    analog, digital = len(config.analog), len(config.digital)
    lines = [
        _line(config.station, config.device, config.revision),
        _line(analog + digital, f"{analog}A", f"{digital}D"),
        *(_analog(number, channel) for number, channel in enumerate(config.analog, 1)),
        *(_status(number, channel) for number, channel in enumerate(config.digital, 1)),
        _number(config.f_nominal_hz),
        str(len(config.sections)),
        *(_line(_number(section.rate_hz), section.last) for section in config.sections),
        _stamp(config.start_unix_ns),
        _stamp(config.trigger_unix_ns if config.trigger_unix_ns is not None else config.start_unix_ns),
        config.data_form,
        _number(config.tick_ns / 1000),
    ]
    if config.revision >= 2013:
        # Times are UTC; where the recorder stands is not known. No clock quality is claimed: F is "not reliable".
        lines += ["0,x", "F,3"]
    return "\r\n".join(lines) + "\r\n"


def _line(*fields: object) -> str:
    return ",".join(_clean(str(field)) for field in fields)


def _clean(text: str) -> str:
    """Take out what would end a field or a line."""
    return " ".join(text.replace(",", ";").split())


def _number(value: float) -> str:
    return str(int(value)) if math.isfinite(value) and value == int(value) and abs(value) < 1e15 else repr(float(value))


def _analog(number: int, channel: AnalogChannel) -> str:
    return _line(
        number, channel.name, channel.phase, channel.component, channel.unit,
        _number(channel.a), _number(channel.b), _number(channel.skew_us), _number(channel.least), _number(channel.most),
        _number(channel.primary), _number(channel.secondary), channel.side or "P",
    )  # fmt: skip


def _status(number: int, channel: StatusChannel) -> str:
    return _line(number, channel.name, channel.phase, channel.component, channel.normal)


def _stamp(unix_ns: int | None) -> str:
    moment = _UNKNOWN_TIME if unix_ns is None else unix_ns
    whole = datetime.fromtimestamp(moment // NS, UTC)
    return f"{whole:%d/%m/%Y,%H:%M:%S}.{moment % NS // 1000:06d}"
