"""Lines thinned to what a screen can show, without losing an extreme and without bridging a gap.

Least and greatest of each bucket rather than the smoother MinMaxLTTB: that one may drop the deepest sample of a dip,
which is what these charts are looked at for.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tsdownsample import MinMaxDownsampler

Array = npt.NDArray[np.float64]
MAX_POINTS = 2000
"""Points per line: two for each pixel of a wide screen's column."""
_LEAST_PER_PIECE = 4
_DOWNSAMPLER = MinMaxDownsampler()  # type: ignore[no-untyped-call]


def thin(x: Array, y: Array, points: int = MAX_POINTS) -> tuple[Array, Array]:
    """Return at most `points` of (n,) points of one line, with its least and its greatest; NaN are not looked at."""
    if len(x) <= points:
        return x, y
    kept = _DOWNSAMPLER.downsample(np.ascontiguousarray(y), n_out=max(2, points // 2 * 2))
    return x[kept], y[kept]


def thin_pieces(pieces: Sequence[tuple[Array, Array]], points: int = MAX_POINTS) -> tuple[Array, Array]:
    """Join the pieces of a line into one of about `points`, with a NaN between them that breaks it.

    Each piece gets its share by its length, and at least four points; of more pieces than that allows the longest are
    kept, so that the sum stays within ``points + pieces kept``.
    """
    pieces = [piece for piece in pieces if len(piece[0])]
    most = points // _LEAST_PER_PIECE
    if len(pieces) > most:
        longest = sorted(range(len(pieces)), key=lambda index: -len(pieces[index][0]))[:most]
        pieces = [pieces[index] for index in sorted(longest)]
    total = sum(len(x) for x, _ in pieces)
    spare = points - _LEAST_PER_PIECE * len(pieces)
    x_parts, y_parts = [], []
    for x, y in pieces:
        x_thin, y_thin = thin(x, y, _LEAST_PER_PIECE + spare * len(x) // max(total, 1))
        x_parts += [x_thin, x_thin[-1:]]
        y_parts += [y_thin, np.array([np.nan])]
    if not x_parts:
        return np.empty(0), np.empty(0)
    return np.concatenate(x_parts[:-1]), np.concatenate(y_parts[:-1])


def break_at_gaps(x: Array, y: Array, longest_step: float) -> list[tuple[Array, Array]]:
    """Cut a line where two neighbouring x are further apart than `longest_step`."""
    cuts = np.flatnonzero(np.diff(x) > longest_step) + 1
    return list(zip(np.split(x, cuts), np.split(y, cuts), strict=True))
