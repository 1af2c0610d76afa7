"""Units as files write them, and as OPQ counts in them."""

_SCALES = {
    "v": ("V", 1.0),
    "volt": ("V", 1.0),
    "volts": ("V", 1.0),
    "kv": ("V", 1e3),
    "mv": ("V", 1e-3),
    "uv": ("V", 1e-6),
    "a": ("A", 1.0),
    "amp": ("A", 1.0),
    "amps": ("A", 1.0),
    "ka": ("A", 1e3),
    "ma": ("A", 1e-3),
    "count": ("count", 1.0),
    "counts": ("count", 1.0),
}


def base_unit(unit: str) -> tuple[str, float]:
    """Return the unit OPQ counts in and the factor to it: ``kV`` gives ``("V", 1000.0)``; others stay as they are."""
    bare = unit.strip()
    if bare == "MV":
        return "V", 1e6
    return _SCALES.get(bare.lower(), (bare, 1.0))
