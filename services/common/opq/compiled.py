"""Plain loops as machine code (numba), where numpy would pass many times over small pieces.

A loop compiled by `compiled` is ordinary Python that works on arrays and numbers only. It is compiled when first called,
which takes seconds, and kept beside the source or in the folder `NUMBA_CACHE_DIR` names, so that only
the first process on a machine waits.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Loop = TypeVar("Loop", bound=Callable[..., object])


def compiled(loop: Loop) -> Loop:
    """Compile a function of arrays and numbers at its first call; nothing is kept where no folder can be written."""
    try:
        return cast(Loop, numba.njit(cache=True, error_model="numpy")(loop))
    except RuntimeError:
        return cast(Loop, numba.njit(error_model="numpy")(loop))
