"""Tells how surprising a difference is: the number of findings this strong that chance makes in a model-month.

The tail of a normal distribution is averaged over the posterior of ρ (see `posterior`) and multiplied by the effective
number of tests of a feature in a month. That number is 1000 where day effects rule, because windows of one day share
them, and 100,000 where the noise of single rows rules. Both were calibrated by simulation. Expected numbers of chance
findings add up over dependent tests too (Bonferroni).
"""

import numpy as np
from scipy.special import ndtr, ndtri

from driftguard.statistics.arrays import Flags, Floats
from driftguard.statistics.posterior import RHO_UP

TESTS_OF_DAYS = 1000.0
NOISE_FACTOR = 100.0
"""Where rows' noise rules, a month has this many times as many effective tests."""

NEVER_BELOW = 4.8
"""Where |u'| ≤ 4.8·√(φ·v), the surprise is at least LEAST·F."""
LEAST = 0.158


def surprise(z: Floats, noise: Floats, b: Floats, weights: Floats, tests: int) -> Floats:
    """Return F·Σ_g π_g·1000·100^(φa/(φa + ρ_g·b))·2Φ(−z/√(φa + ρ_g·b)): arrays (…).

    z: |u'|/√v. noise: φ·a, the variance of z from rows. b: the factor of ρ. weights: π, (…, K). tests: F.
    """
    variance = noise[..., None] + RHO_UP * b[..., None]
    chance = NOISE_FACTOR ** (noise[..., None] / variance) * ndtr(-z[..., None] / np.sqrt(variance))
    result: Floats = 2 * TESTS_OF_DAYS * tests * (weights * chance).sum(axis=-1)
    return result


def certain(noise: Floats, b: Floats, limit: Floats, tests: int) -> Floats:
    """Return a z whose surprise is below `limit` whatever the posterior is: (…)."""
    most = 2 * TESTS_OF_DAYS * NOISE_FACTOR * max(tests, 1)
    result: Floats = -ndtri(limit / most) * np.sqrt(noise + RHO_UP[-1] * b)
    return result


def may_fire(z: Floats, phi: Floats) -> Flags:
    """Return where the surprise can be below LEAST·F. This needs no posterior."""
    result: Flags = z > NEVER_BELOW * np.sqrt(phi)
    return result
