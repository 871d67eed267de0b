"""Tests whether a window has more new values than a sample of the baseline's size must lack.

A sample of m values, of which `once` distinct values occur once, lacks a share of about once/m. Source: Good (1953),
The population frequencies of species and the estimation of population parameters, Biometrika 40; the idea is Turing's.
"""

import numpy as np
from scipy.special import gammainccinv
from scipy.stats import binom

from driftguard.statistics.arrays import Floats, Ints


def unseen_p_value(x: Ints, n: Ints, once: Ints, m: Ints, limit: Floats) -> Floats:
    """Return the p-value of x new values among n, for comparison with `limit`: (F,).

    p = 2·P(Binomial(n, p_U) ≥ x). p_U is the upper bound of the lacking share at the level limit/2: the bound of a
    Poisson mean (Garwood 1936) after `once` events, divided by m. So half of `limit` covers the chance that the
    baseline lacks more than p_U, and the other half the chance that the window has x of these values.
    """
    upper = np.minimum(gammainccinv(once + 1, limit / 2) / np.maximum(m, 1), 1.0)
    return np.minimum(2 * binom.sf(x - 1, n, upper), 1.0)
