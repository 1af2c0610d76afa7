"""Runs of values beyond a threshold, with hysteresis: the one way all classifiers here find where something begins and ends."""

import numpy as np
import numpy.typing as npt


def runs_beyond(values: npt.NDArray[np.float64], start: float, end: float) -> list[slice]:
    """Find the runs of (n,) `values` that begin above `start` and last until a value is not above `end`.

    Parameters
    ----------
    values : (n,) float64
        Negate values and thresholds to find runs below.
    start, end : float
        A value exactly on `start` does not begin a run; one exactly on `end` ends it. ``end <= start``.

    Returns
    -------
    list of slice
        The runs, oldest first; the value that ends a run is not in it.
    """
    decided = np.where(values > start, 1, np.where(values <= end, 0, -1))
    latest = np.maximum.accumulate(np.where(decided >= 0, np.arange(len(values)), -1))
    inside = np.where(latest >= 0, decided[latest] == 1, False)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(np.int8), [0]])))
    return [slice(int(first), int(last)) for first, last in zip(edges[::2], edges[1::2], strict=True)]
