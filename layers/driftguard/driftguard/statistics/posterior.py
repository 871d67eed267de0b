"""Estimates ρ: by how much days differ from each other, as a posterior distribution on a grid of standard deviations.

A random effect of each day is added to the variance of `stratified.compare`, with a discrete prior (DerSimonian and
Laird 1986, Meta-analysis in clinical trials, Controlled Clinical Trials 7, for the variance; Good 1965, The estimation
of probabilities, for a prior that the features share). A share of the neighbouring days may differ by far more: their
distribution is a mixture.

Shapes: D days or pairs of days, F features, C components, K = 12 cells of the grid.
"""

import numpy as np

from driftguard.statistics.arrays import Flags, Floats

SDS = np.array([0, 0.01, 0.02, 0.03, 0.045, 0.065, 0.09, 0.13, 0.18, 0.25, 0.35, 0.5])
"""The standard deviation between days in each cell; ρ is its square."""

PRIOR = np.array([0.10, 0.10, 0.12, 0.12, 0.12, 0.12, 0.12, 0.12, 0.06, 0.004, 0.0005, 0.0001])
PRIOR /= PRIOR.sum()

RHO_UP = np.square(np.append((SDS[:-1] + SDS[1:]) / 2, SDS[-1]))
"""ρ at the upper end of each cell, with which predictions are made."""

MOVED, MOVED_RHO = 0.3, 0.1
"""The share of neighbouring days that may differ by more, and what is added to their ρ."""

PRIOR_FEATURES = 3
"""The prior counts as much as this many features when features are pooled."""
POOLINGS = 3


def log_own(z: Floats, used: Flags, variance: Floats, b: Floats) -> Floats:
    """Return the log-likelihood of each cell from days that are held against their reference: (F, C, K).

    z: (D, F, C), Z = Σu'/√Σv ~ N(0, variance + ρ·b). used: (D, F, C), which days count. variance: (D, F, C), φ·a.
    b: (D, F, C). Constants are left out.
    """
    result = np.zeros((*z.shape[1:], len(SDS)))
    for day in range(len(z)):
        wide = variance[day][..., None] + SDS**2 * b[day][..., None]
        result += np.where(used[day][..., None], _log_normal(z[day][..., None], wide), 0.0)
    return result


def log_near(z: Floats, used: Flags, phi: Floats, b: Floats) -> Floats:
    """Return the log-likelihood of each cell from pairs of neighbouring days: (F, C, K).

    Z ~ 0.7·N(0, φ + ρ·b) + 0.3·N(0, φ + (ρ + 0.1)·b). z, used, b: (D, F, C) as in `log_own`. phi: (F, C).
    """
    result = np.zeros((*z.shape[1:], len(SDS)))
    for pair in range(len(z)):
        wide = phi[..., None] + SDS**2 * b[pair][..., None]
        square = z[pair][..., None]
        quiet = _log_normal(square, wide)
        moved = _log_normal(square, wide + MOVED_RHO * b[pair][..., None])
        both = np.logaddexp(np.log(1 - MOVED) + quiet, np.log(MOVED) + moved)
        result += np.where(used[pair][..., None], both, 0.0)
    return result


def pooled(likelihood: Floats, alike: Flags) -> Floats:
    """Return the posterior of each feature and component: (F, C, K).

    likelihood: logarithms (F, C, K). alike: (F,), splits the features into two sets, each with a prior of its own per
    component. Three times the prior becomes (3·PRIOR + Σ posterior)/(3 + F) over the F features of a set.
    """
    weights = np.empty_like(likelihood)
    relative = np.exp(likelihood - likelihood.max(axis=-1, keepdims=True, initial=-np.inf))
    for some in (alike, ~alike):
        prior = np.broadcast_to(PRIOR, likelihood.shape[1:])
        for _pooling in range(POOLINGS):
            found = _normalized(relative[some] * prior)
            prior = (PRIOR_FEATURES * PRIOR + found.sum(axis=0)) / (PRIOR_FEATURES + len(found))
        weights[some] = _normalized(relative[some] * prior)
    return weights


def mean(weights: Floats) -> Floats:
    """Return the posterior mean of ρ: (F, C)."""
    result: Floats = weights @ SDS**2
    return result


def cautious(weights: Floats) -> Floats:
    """Return the posterior mean of ρ plus its standard deviation: (F, C)."""
    first = weights @ SDS**2
    result: Floats = first + np.sqrt(np.maximum(weights @ SDS**4 - first**2, 0))
    return result


def _log_normal(z: Floats, variance: Floats) -> Floats:
    return -0.5 * (np.log(variance) + z * z / variance)


def _normalized(weights: Floats) -> Floats:
    result: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return result
