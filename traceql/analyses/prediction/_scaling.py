"""Laws of scalability, fitted: Universal Scalability Law, Amdahl, Gustafson, Karp-Flatt."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST_POINTS = 4


class Law(NamedTuple):
    """A fitted law: X(N) = rate N / (1 + sigma (N - 1) + kappa N (N - 1)).

    Attributes:
        name: usl, amdahl (kappa = 0), linear (both 0) or gustafson (rate (N - sigma (N - 1))).
        rate: throughput of one. sigma: contention. kappa: coherence.
        aicc: Akaike's criterion of the residuals of log X, corrected for few points.
        covariance: of the fitted parameters in the order rate (log), sigma, kappa.
    """

    name: str
    rate: float
    sigma: float
    kappa: float
    aicc: float
    covariance: Floats

    def throughput(self, sizes: Floats) -> Floats:
        """Give X at sizes."""
        n = np.asarray(sizes, np.float64)
        if self.name == "gustafson":
            return np.asarray(self.rate * (n - self.sigma * (n - 1)))
        return np.asarray(self.rate * n / (1 + self.sigma * (n - 1) + self.kappa * n * (n - 1)))

    @property
    def best_size(self) -> float:
        """Size with most throughput: sqrt((1 - sigma) / kappa); inf without coherence."""
        return float(np.sqrt((1 - self.sigma) / self.kappa)) if self.kappa > 0 else np.inf


_PARAMETERS = {"usl": 3, "amdahl": 2, "gustafson": 2, "linear": 1}


def fit(name: str, sizes: Floats, throughput: Floats) -> Law:
    """Fit a law to the logarithms of throughput by bounded least squares (Gunther 1993).

    Args:
        name: usl, amdahl, gustafson or linear.
        sizes: float64 [n], >= 1.
        throughput: float64 [n], > 0.
    """
    from scipy.optimize import least_squares

    n, y = np.asarray(sizes, np.float64), np.log(np.asarray(throughput, np.float64))
    free = _PARAMETERS[name]

    def law(given: Floats) -> Law:
        p = np.concatenate((given, np.zeros(3 - free)))
        return Law(name, float(np.exp(p[0])), float(p[1]), float(p[2]), 0.0, np.zeros((0, 0)))

    def rest(given: Floats) -> Floats:
        return np.log(np.maximum(law(given).throughput(n), 1e-300)) - y

    start = np.array([y[np.argmin(n)] - np.log(np.min(n)), 0.05, 1e-3][:free])
    low, high = np.array([-np.inf, 0.0, 0.0][:free]), np.array([np.inf, 1.0, 1.0][:free])
    scale = np.array([1.0, 0.05, 1e-3][:free])
    found = least_squares(
        rest, start, bounds=(low, high), x_scale=scale, xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    count, squares = len(n), float((found.fun**2).sum())
    k = free + 1
    aicc = count * np.log(max(squares / count, 1e-30)) + 2 * k
    aicc += 2 * k * (k + 1) / (count - k - 1) if count > k + 1 else np.inf
    variance = squares / max(count - free, 1)
    covariance = np.linalg.pinv(found.jac.T @ found.jac) * variance
    return law(found.x)._replace(aicc=float(aicc), covariance=np.asarray(covariance))


def choose(sizes: Floats, throughput: Floats) -> list[Law]:
    """Fit every law that the points allow, the best by AICc first."""
    points = len(np.unique(sizes))
    names = [n for n, k in _PARAMETERS.items() if points >= k + 1]
    laws = [fit(name, sizes, throughput) for name in names]
    return sorted(laws, key=lambda law: (law.aicc, _PARAMETERS[law.name]))


def interval(law: Law, size: float, *, level: float = 0.9) -> tuple[float, float]:
    """Give the interval of the fitted throughput at a size, by the covariance of the parameters."""
    from scipy import stats

    step = np.array([1e-6, 1e-6, 1e-8])[: len(law.covariance)]
    base = np.array([np.log(law.rate), law.sigma, law.kappa])[: len(step)]
    at = np.array([size])

    def log_x(given: Floats) -> float:
        p = np.concatenate((given, np.zeros(3 - len(given))))
        shifted = law._replace(rate=float(np.exp(p[0])), sigma=float(p[1]), kappa=float(p[2]))
        return float(np.log(shifted.throughput(at)[0]))

    gradient = np.array(
        [(log_x(base + e) - log_x(base)) / e.sum() for e in np.diag(step)], np.float64
    )
    sd = float(np.sqrt(max(float(gradient @ law.covariance @ gradient), 0.0)))
    reach = float(stats.norm.ppf(0.5 + level / 2)) * sd
    middle = float(law.throughput(at)[0])
    return middle * float(np.exp(-reach)), middle * float(np.exp(reach))


def karp_flatt(sizes: Floats, speedup: Floats) -> Floats:
    """Give the serial fraction that each measured speedup implies: (1/S - 1/N) / (1 - 1/N).

    Karp & Flatt 1990; nan at size 1.
    """
    n, s = np.asarray(sizes, np.float64), np.asarray(speedup, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((1 / s - 1 / n) / (1 - 1 / n))
