"""The modes of a stratum's durations, and how improbable each duration is beside them.

Durations multiply, so everything is in their logarithms.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traceql.kernels import mixture

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST = 8
"""No test below this many events."""

SMALL = 50
"""Below this many, outliers are tested one by one instead of against modes."""

SAMPLE = 3_000
"""Modes are fitted to at most this many values, evenly spaced by rank."""

HABIT = 0.05
"""A component of less weight is not a mode, but what is looked for."""

_CORE = (0.005, 0.99)


class Judgement(NamedTuple):
    """What a stratum is like.

    `p` [n] is, per event, the probability of so long a duration. `center` is the log duration of
    the upper mode, `sd` its spread, `modes` how many modes there are.
    """

    p: NDArray[np.float64]
    center: float
    sd: float
    modes: int


def judge(dur: NDArray[np.int64], quantum: int) -> Judgement:
    """Judge every event of a stratum.

    Args:
        dur: int64 [n], n >= FEWEST, each > 0, any order.
        quantum: tick of the clock, ns.
    """
    y = np.log(dur.astype(np.float64))
    if len(y) < SMALL:
        return _few(y, quantum)
    ordered = np.sort(y)
    fitted, modes = _fit(ordered, quantum)
    p = _survival(fitted, y)
    upper = int(np.flatnonzero(fitted.weight >= HABIT)[-1])
    return Judgement(p, float(fitted.mean[upper]), float(fitted.sd[upper]), modes)


def beside(judged: Judgement, dur: NDArray[np.int64], usual: float) -> Judgement:
    """Judge again, beside a length that is usual too; 0 changes nothing.

    Args:
        judged: so far.
        dur: int64 [n].
        usual: length, ns; its spread is taken as that of the upper mode.
    """
    from scipy.special import ndtr

    if not usual:
        return judged
    z = (np.log(dur) - math.log(usual)) / judged.sd
    p = np.maximum(judged.p, ndtr(-z))
    return Judgement(p, max(judged.center, math.log(usual)), judged.sd, judged.modes + 1)


def _fit(ordered: NDArray[np.float64], quantum: int) -> tuple[mixture.Mixture, int]:
    """Fit one to three components to the core; one more while the BIC gains.

    A generalised Pareto fit to the tail beside it was tried and dropped: on small excesses its
    shape is so uncertain that it hid a fifth of what was planted, and it spared no false ones.
    """
    n = len(ordered)
    core = ordered[int(_CORE[0] * n) : max(math.ceil(_CORE[1] * n), FEWEST)]
    if len(core) > SAMPLE:
        core = core[np.linspace(0, len(core) - 1, SAMPLE).astype(np.int64)]
    least_sd = max(0.3 * quantum / math.exp(float(core[len(core) // 2])), 1e-4)
    best, modes = None, 0
    for components in (1, 2, 3):
        found = mixture.fit(core, components, least_sd=least_sd)
        # A second must be beyond doubt; after that a third only draws the shape better (Akaike).
        price = math.log(len(core)) if components == 2 else 2.0
        gained = found.log_likelihood - (best.log_likelihood if best is not None else -math.inf)
        if 2 * gained < 3 * price:
            break
        best, modes = found, _apart(found)
    assert best is not None
    return _untrimmed(best), modes


def _untrimmed(found: mixture.Mixture) -> mixture.Mixture:
    """Undo what cutting the tails off did to the upper mode: it looks narrower than it is.

    Moments of a normal distribution cut above its quantile 1 - c: mean m - s·h, variance
    s²·(1 - b·h - h²), with b that quantile and h = density(b) / (1 - c).
    """
    from scipy.special import ndtri

    habits = np.flatnonzero(found.weight >= HABIT)
    at = habits[-1]
    cut = min((1 - _CORE[1]) / float(found.weight[at]), 0.25)
    edge = float(ndtri(1 - cut))
    density = math.exp(-0.5 * edge * edge) / math.sqrt(2 * math.pi) / (1 - cut)
    mean, sd = found.mean.copy(), found.sd.copy()
    sd[at] /= math.sqrt(1 - edge * density - density * density)
    mean[at] += sd[at] * density
    return found._replace(mean=mean, sd=sd)


def _apart(found: mixture.Mixture) -> int:
    """Count the modes that stand apart."""
    return 1 + int(_breaks(found).sum())


def _breaks(found: mixture.Mixture) -> NDArray[np.bool_]:
    """Say of each usual component but the first if it stands apart from the one before.

    Ashman's D above 2; components nearer than that only draw the shape of one mode.
    """
    habits = np.flatnonzero(found.weight >= HABIT)
    mean, sd = found.mean[habits], found.sd[habits]
    distance = math.sqrt(2) * np.abs(np.diff(mean))
    return np.asarray(distance > 2 * np.hypot(sd[1:], sd[:-1]))


def _survival(found: mixture.Mixture, y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the probability of a value as high: under the mixture, and under its upper mode."""
    from scipy.special import ndtr

    habits = found.weight >= HABIT
    weight = found.weight[habits] / found.weight[habits].sum()
    z = (y[:, None] - found.mean[habits]) / found.sd[habits]
    each = ndtr(-z)
    upper = int(np.append(0, 1 + np.flatnonzero(_breaks(found)))[-1])
    of_upper = each[:, upper:] @ weight[upper:] / weight[upper:].sum()
    result: NDArray[np.float64] = np.maximum(each @ weight, of_upper)
    return result


def _few(y: NDArray[np.float64], quantum: int) -> Judgement:
    """Judge few events: generalised ESD, one-sided (Rosner 1983), at most a tenth are outliers.

    The p of an event is that of its own step, and never above that of a shorter one.
    """
    from scipy.stats import t as student

    n = len(y)
    order = np.argsort(-y, kind="stable")
    most = max(1, n // 10)
    p = np.ones(n)
    least_sd = 0.3 * quantum / math.exp(float(np.median(y)))
    for step in range(most):
        rest = y[order[step:]]
        m = len(rest)
        sd = max(float(rest.std(ddof=1)), least_sd, 1e-4)
        reach = (rest[0] - rest.mean()) / sd
        room = (m - 1) ** 2 - m * reach * reach
        if room <= 0:
            p[order[step]] = 0.0
            continue
        statistic = reach * math.sqrt(m * (m - 2) / room)
        p[order[step]] = float(student.sf(statistic, m - 2))
    # An outlier that a longer one masks counts too: what is as long as one has its p or less.
    for place in order[:most][::-1]:  # a tenth of fewer than SMALL
        p[y >= y[place]] = np.minimum(p[y >= y[place]], p[place])
    core = y[order[most:]]
    return Judgement(p, float(np.median(y)), max(float(core.std()), least_sd, 1e-4), 1)


def habit(dur: NDArray[np.int64], steps: int) -> float:
    """Give the length that is usual at the slowest place within a step, or 0.0.

    A name may stand for several operations. One that is rare but comes at the same place of most
    steps of the program is no anomaly; only what is long beside it is. The steps are the `steps`
    equal parts of the events in their order, so that work which lags behind the markers of steps
    stays together; where the events do not come in equal parts, places cannot be compared.

    Args:
        dur: int64 [n], in order of time.
        steps: of the program within these events.
    """
    if steps < 2 or len(dur) % steps:
        return 0.0
    most = min(steps, max(3, math.ceil(0.6 * steps)))
    by_place = np.sort(dur.reshape(steps, -1), axis=0)
    return float(by_place[steps - most].max())
