"""Estimates φ: by how much rows of one hour resemble each other, which makes sums scatter more than independent rows.

φ is a ratio of variances, as in quasi-likelihood (Wedderburn 1974, Quasi-likelihood functions, generalized linear
models, and the Gauss–Newton method, Biometrika 61). Two time scales give two ratios: hours, and blocks of six hours.

Shapes: D days, H = 24 hours, F features, C components.
"""

from dataclasses import dataclass

import numpy as np

from driftguard.statistics.arrays import Flags, Floats

BLOCK = 6
"""Hours in a block: 0–5, 6–11, 12–17 and 18–23 h UTC."""

MIN_DAYS = 2
"""With fewer days that have a reference of their own, pairs of neighbouring days give φ."""


@dataclass(frozen=True, slots=True)
class Scatter:
    """Sums of squared residuals of hours (z1) and of blocks (z6), with their degrees of freedom, arrays (…, F, C)."""

    z1: Floats
    df1: Floats
    z6: Floats
    df6: Floats

    def summed(self) -> "Scatter":
        """Return the sums over the first axis, the days."""
        return Scatter(*(one.sum(axis=0) for one in (self.z1, self.df1, self.z6, self.df6)))

    def part(self, components: slice) -> "Scatter":
        """Return the scatter of some components."""
        return Scatter(*(one[..., components] for one in (self.z1, self.df1, self.z6, self.df6)))

    def where(self, condition: Flags, other: "Scatter") -> "Scatter":
        """Return this scatter where the condition holds, and the other elsewhere."""
        pairs = ((self.z1, other.z1), (self.df1, other.df1), (self.z6, other.z6), (self.df6, other.df6))
        return Scatter(*(np.where(condition, one, another) for one, another in pairs))


def scatter(u: Floats, v: Floats) -> Scatter:
    """Return how the hours of each day scatter around the day's own shift. u, v: (D, H, F, C), see `stratified`.

    r_h = u_h − v_h·(Σu/Σv), z1 = Σr_h²/v_h over the hours with v_h > 0. Their degrees of freedom are the number of
    these hours − 1. z6 is the same over the sums of r and v of each block.
    """
    total = v.sum(axis=1)
    shift = np.divide(u.sum(axis=1), total, out=np.zeros_like(total), where=total > 0)
    rest = u - v * shift[:, None]
    blocks = (len(v), -1, BLOCK, *v.shape[2:])
    z1, df1 = _squares(rest, v)
    z6, df6 = _squares(rest.reshape(blocks).sum(axis=2), v.reshape(blocks).sum(axis=2))
    return Scatter(z1, df1, z6, df6)


def _squares(rest: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Return Σrest²/v and its degrees of freedom. Where only one v is positive, its rest and so the sum is 0."""
    filled = v > 0
    squares = np.divide(rest * rest, v, out=np.zeros_like(v), where=filled).sum(axis=1)
    degrees = np.maximum(filled.sum(axis=1) - 1, 0).astype(np.float64)
    return squares, degrees


def clustering(sums: Scatter) -> float:
    """Return κ = max(1, Σp6·df6 / Σp1·df6) over all features and components.

    κ says how much more blocks scatter than hours do.
    """
    used = (sums.df1 > 0) & (sums.df6 > 0)
    degrees = sums.df6[used]
    hours = float((sums.z1[used] / sums.df1[used] * degrees).sum())
    return max(1.0, float(sums.z6[used].sum()) / hours) if hours > 0 else 1.0


def dispersion(sums: Scatter, kappa: float) -> Floats:
    """Return φ = max(1, p1·κ, p6·(1 − √(2/df6))) with p1 = z1/df1 and p6 = z6/df6: (F, C).

    1 − √(2/df6) is one standard deviation of p6 below 1.
    """
    p1 = np.divide(sums.z1, sums.df1, out=np.zeros_like(sums.z1), where=sums.df1 > 0)
    degrees = np.maximum(sums.df6, 1.0)
    p6 = sums.z6 / degrees * (1 - np.sqrt(2 / degrees))
    result: Floats = np.maximum(1.0, np.maximum(p1 * kappa, p6))
    return result
