"""What the classifiers say of a drawn record, and whether it is what was drawn: for the tests and the benchmark alike."""

from collections.abc import Iterable

from opq.model.incidents import IncidentClass
from opq.signal.segments import half_cycle_series, segment_windows
from opq.standards.distortion import DistortionLimits, find_distortion_runs
from opq.standards.ieee1159 import categorize, find_disturbances
from opq.standards.transients import find_transients
from opq.testing.disturbances import Case

Kinds = tuple[IncidentClass, ...]

_SAG, _SWELL, _OUT = IncidentClass.VOLTAGE_SAG, IncidentClass.VOLTAGE_SWELL, IncidentClass.VOLTAGE_INTERRUPTION
_THD = IncidentClass.EXCESSIVE_THD
_IMPULSE, _RING = IncidentClass.IMPULSIVE_TRANSIENT, IncidentClass.OSCILLATORY_TRANSIENT
_ARC, _NOTCH = IncidentClass.ARCING_TRANSIENT, IncidentClass.PERIODIC_NOTCHING
_CROSSINGS = IncidentClass.MULTIPLE_ZERO_CROSSING_TRANSIENT

SINGLES: tuple[Kinds, ...] = (
    (),
    *((kind,) for kind in (_SAG, _SWELL, _OUT, _THD, _IMPULSE, _RING, _ARC, _NOTCH, _CROSSINGS)),
)
"""Records with at most one disturbance; the empty one is normal."""
PAIRS: tuple[Kinds, ...] = (
    (_SAG, _RING),
    (_SAG, _IMPULSE),
    (_SWELL, _RING),
    (_OUT, _IMPULSE),
    *((_THD, kind) for kind in (_IMPULSE, _RING, _ARC, _NOTCH, _CROSSINGS, _SAG, _SWELL)),
    (_IMPULSE, _RING),
    (_NOTCH, _SAG),
)
"""Records with two."""
SNRS_DB = (20.0, 30.0, 40.0)


def name(kinds: Iterable[IncidentClass]) -> str:
    """Return the names of classes in one line; ``NORMAL`` if there are none."""
    return " + ".join(kind.value for kind in kinds) or "NORMAL"


def classes_found(case: Case) -> list[IncidentClass]:
    """Return the class of every incident in a record, sorted by name; a class found twice is in it twice."""
    segment, nominal = case.segment, case.nominal
    found = [
        categorize(disturbance, nominal).incident_class
        for disturbance in find_disturbances(half_cycle_series(segment, nominal), nominal)
    ]
    limits = DistortionLimits()
    runs = find_distortion_runs(segment_windows(segment, nominal), limits)
    found += [_THD for run in runs if run.windows >= limits.least_windows]
    found += [transient.incident_class for transient in find_transients(segment, nominal)]
    return sorted(found, key=lambda kind: kind.value)


def is_right(case: Case, found: list[IncidentClass]) -> bool:
    """Say whether exactly what was drawn was found, each once."""
    return found == sorted(case.expected, key=lambda kind: kind.value)
