"""Linear-phase filters that give one value per `hop` samples, whatever the blocks the samples come in."""

import numpy as np

from opq.model.waveforms import VoltArray


class DecimatingFilter:
    """A bank of k filters of one length, evaluated each `hop` samples.

    Each block of `hop` samples is multiplied once with all parts of the filters, and the products are added along
    diagonals, so no sample is copied or read twice and the result does not depend on how the samples were cut into
    blocks. The first value belongs to the middle of the first filter length.

    Parameters
    ----------
    taps : (k, parts * hop) float64
        Filters, oldest sample first.
    hop : int
        Distance of values [sample].
    """

    def __init__(self, taps: VoltArray, hop: int) -> None:
        self._filters, length = taps.shape
        self._hop, self._parts = hop, length // hop
        by_part = taps.reshape(self._filters, self._parts, hop).transpose(2, 0, 1)
        self._taps = np.ascontiguousarray(by_part.reshape(hop, self._filters * self._parts))
        self._rest: VoltArray = np.empty(0)
        self._products: VoltArray = np.empty((0, self._filters * self._parts))

    def feed(self, samples: VoltArray) -> VoltArray:
        """Take (n,) samples and return the (m, k) values that became complete."""
        self._rest = np.concatenate([self._rest, samples])
        blocks = len(self._rest) // self._hop
        if blocks == 0:
            return np.empty((0, self._filters))
        used = blocks * self._hop
        fresh = self._rest[:used].reshape(blocks, self._hop) @ self._taps
        self._rest = self._rest[used:]
        products = np.concatenate([self._products, fresh])
        count = len(products) - self._parts + 1
        self._products = products[max(count, 0) :]
        if count <= 0:
            return np.empty((0, self._filters))
        row, column = products.strides
        values: VoltArray = np.lib.stride_tricks.as_strided(
            products,
            (count, self._filters, self._parts),
            (row, self._parts * column, row + column),
            writeable=False,
        ).sum(axis=2)
        return values
