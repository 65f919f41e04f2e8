"""The period of a sequence of symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FEW = 256
"""Symbols up to this often are compared pair by pair, the others by FFT."""

_NEAR = 0.99
"""The first lag whose similarity is this share of the best is the period."""


def of_symbols(symbols: NDArray[np.int64]) -> tuple[int, float]:
    """Find the period of a sequence of symbols.

    Similarity at lag L is the sum over symbols of their matches at L, weighted by 1/occurrences,
    over the n - L places compared; lags up to n/2. Method: autocorrelation of one-hot sequences;
    that of a rare symbol is a count of differences, that of a frequent one an FFT, and both are
    exact.

    Args:
        symbols: int64 [n].

    Returns:
        (lag, share of places i with symbols[i] == symbols[i + lag]); (0, 0.0) where no lag matches.
    """
    n = len(symbols)
    lags = n // 2
    if lags < 1:
        return 0, 0.0
    similarity = _matches(symbols)[1 : lags + 1] / (n - np.arange(1, lags + 1))
    best = similarity.max(initial=0.0)
    if best <= 0:
        return 0, 0.0
    lag = int(np.argmax(similarity >= _NEAR * best)) + 1
    return lag, float((symbols[lag:] == symbols[:-lag]).mean())


def _matches(symbols: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give for each lag the weighted count of places whose symbol recurs at that lag."""
    from scipy import fft

    n = len(symbols)
    total = np.zeros(n)
    order = np.argsort(symbols, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(symbols[order]) != 0))
    size = fft.next_fast_len(2 * n, real=True)
    spectrum = np.zeros(size // 2 + 1)
    for places in np.split(order, starts[1:]):  # one turn per distinct name
        count = len(places)
        if count <= _FEW:
            apart = (places[None, :] - places[:, None])[np.triu_indices(count, 1)]
            np.add.at(total, apart, 1.0 / count)
            continue
        hot = np.zeros(n)
        hot[places] = 1.0
        transformed = fft.rfft(hot, size)
        spectrum += (transformed.real**2 + transformed.imag**2) / count
    frequent: NDArray[np.float64] = np.maximum(fft.irfft(spectrum, size)[:n], 0.0)
    return total + frequent
