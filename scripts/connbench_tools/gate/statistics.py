"""The gate's statistics: the size of a change, how certain it is, and how often chance alone would produce as much.

A change is a log ratio, so that twice as much and half as much are equally far from no change. The change over several
pairs is the 20 %-trimmed mean of their log ratios: one pair that was disturbed does not move it. All randomness comes
from the caller's generator, so that the same seed gives the same judgement.
"""

import math

from ..failures import exit_without

try:
    import numpy
    import scipy  # scipy.stats, which takes most of a second, is imported when something is asked of it
except ImportError as error:
    exit_without(error)

TRIMMED = 0.2  # of each end
CONFIDENCE = 0.95
RESAMPLES = 2000


def _centre(values, axis=-1):
    return scipy.stats.trim_mean(values, TRIMMED, axis=axis)


def _difference(first, second, axis=-1):
    return _centre(second, axis=axis) - _centre(first, axis=axis)


def log_ratios(pairs):
    """Of (base, head) values, all above 0."""
    values = numpy.asarray(pairs, dtype=float)
    return numpy.log(values[:, 1] / values[:, 0])


def centre(ratios):
    """Their trimmed mean."""
    return float(_centre(numpy.asarray(ratios)))


def centres(rows):
    """The trimmed mean of each row."""
    return _centre(rows)


def difference(first, second):
    """How much larger the trimmed mean of the second group is."""
    return float(_difference(numpy.asarray(first), numpy.asarray(second)))


def relative(log_ratio):
    """A log ratio as a relative change: 0.1 is 10 % more."""
    return float(numpy.expm1(log_ratio))


def sign_flip_p(ratios, alternative="two-sided"):
    """The p value of the hypothesis that neither side of the pairs is faster. `greater` and `less` are one-sided.

    It is valid for any noise, drift and autocorrelation: a coin decided which side of each pair ran first, so that
    without a difference each ratio could as well have had the other sign.

    The statistic is Wilcoxon's signed-rank sum. The trimmed mean does not change when the ratios that it trims are
    flipped, so that even a perfectly steady change in 20 pairs would have a p of 0.01. All flips are counted;
    scipy's wilcoxon() does that only where there are no ties."""
    ratios = numpy.asarray(ratios)
    ranks = numpy.rint(2 * scipy.stats.rankdata(numpy.abs(ratios))).astype(
        int
    )  # twice the rank, because ties have half ranks
    chances = numpy.ones(1)  # of each possible sum of the ranks whose ratio is positive
    for rank in ranks[ratios != 0]:
        chances = (numpy.pad(chances, (0, rank)) + numpy.pad(chances, (rank, 0))) / 2
    found = int(ranks[ratios > 0].sum())
    tails = {"less": chances[: found + 1].sum(), "greater": chances[found:].sum()}
    return float(tails[alternative] if alternative in tails else min(1.0, 2 * min(tails.values())))


def unpaired_p(first, second):
    """Mann and Whitney's p value for two groups of log values. It is valid only if all orders of the values were
    equally likely, which does not hold for two runs that followed each other."""
    return float(scipy.stats.mannwhitneyu(first, second).pvalue)


def smallest_unpaired_p(first, second):
    """The p value of the clearest difference that groups of these sizes can show."""
    return min(1.0, 2 / math.comb(first + second, first))


def _interval(samples, statistic, generator):
    if all(numpy.ptp(sample) == 0 for sample in samples):
        value = float(statistic(*samples))
        return value, value
    bounds = scipy.stats.bootstrap(
        samples,
        statistic,
        n_resamples=RESAMPLES,
        vectorized=True,
        paired=False,
        confidence_level=CONFIDENCE,
        method="percentile",
        random_state=generator,
    )
    return float(bounds.confidence_interval.low), float(bounds.confidence_interval.high)


def interval(ratios, generator):
    """The 95 % confidence interval of the trimmed mean, by resampling pairs."""
    return _interval((numpy.asarray(ratios),), _centre, generator)


def unpaired_interval(first, second, generator):
    """The 95 % confidence interval of the difference of the trimmed means, by resampling both groups."""
    return _interval((numpy.asarray(first), numpy.asarray(second)), _difference, generator)


def holm(p_values):
    """Adjusted p values: if all that are at most alpha are called changes, the chance of any false one is at most
    alpha."""
    adjusted, worst = [0.0] * len(p_values), 0.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for place, index in enumerate(order):
        worst = max(worst, (len(order) - place) * p_values[index])
        adjusted[index] = min(1.0, worst)
    return adjusted


def share_interval(hits, trials):
    """Clopper and Pearson's exact 95 % confidence interval of a share. It works for 0 of 300, too."""
    bounds = scipy.stats.binomtest(hits, trials).proportion_ci(CONFIDENCE, method="exact")
    return float(bounds.low), float(bounds.high)


def share_p(first, second):
    """Fisher's exact p value of the hypothesis that the first share is not smaller. Both: (hits, trials)."""
    table = [[hits, trials - hits] for hits, trials in (first, second)]
    return float(scipy.stats.fisher_exact(table, alternative="less")[1])


def quantile(values, share):
    """The nearest rank above: a value that occurred."""
    return float(numpy.quantile(numpy.asarray(values), share, method="inverted_cdf"))
