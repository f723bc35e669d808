"""What the gate computes: the size of a change, how sure it is, and how often chance alone would do as much.

A change is a log ratio, so that twice as much and half as much are equally far from none. Over pairs it is the 20 %-trimmed
mean of their log ratios: a pair that was disturbed in the middle does not move it. All randomness comes from the caller's
generator, so that a seed repeats a judgement.
"""

import argparse
import math
import sys

try:
    import numpy
    from scipy import stats
except ImportError as error:
    print(f"scripts: {sys.executable} has no {error.name}. Install python3-numpy and python3-scipy (scripts/setup does), and "
          "run the script by its own name, which takes /usr/bin/python3.", file=sys.stderr)  # fmt: skip
    sys.exit(2)

TRIMMED = 0.2  # of each end
CONFIDENCE = 0.95
RESAMPLES = 2000


def seed(text):
    """For --seed: what a generator can be made from."""
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is no seed: a whole number, 0 or more")


def _centre(values, axis=-1):
    return stats.trim_mean(values, TRIMMED, axis=axis)


def _difference(first, second, axis=-1):
    return _centre(second, axis=axis) - _centre(first, axis=axis)


def log_ratios(pairs):
    """Of (base, head) values, all above 0."""
    values = numpy.asarray(pairs, dtype=float)
    return numpy.log(values[:, 1] / values[:, 0])


def centre(ratios):
    return float(_centre(numpy.asarray(ratios)))


def centres(rows):
    """Of each row."""
    return _centre(rows)


def difference(first, second):
    """How much larger the trimmed mean of the second group is."""
    return float(_difference(numpy.asarray(first), numpy.asarray(second)))


def relative(log_ratio):
    """A log ratio as a relative change: 0.1 is 10 % more."""
    return float(numpy.expm1(log_ratio))


def sign_flip_p(ratios, alternative="two-sided"):
    """Valid whatever the noise, drift and autocorrelation: a coin decided which side of each pair ran first, and where
    neither is faster, each ratio could as well have had the other sign. `greater`, `less`: one-sided.

    What is flipped is Wilcoxon's signed-rank sum, not the trimmed mean: that one does not change when the ratios that it
    trims are turned, so that of 20 pairs even a perfectly steady change would have a p of 0.01. All flips are counted, as
    scipy's wilcoxon() does only where there are no ties."""
    ratios = numpy.asarray(ratios)
    ranks = numpy.rint(2 * stats.rankdata(numpy.abs(ratios))).astype(int)  # twice the rank: of ties it is half a number
    chances = numpy.ones(1)  # of each sum of the ranks whose ratio is positive
    for rank in ranks[ratios != 0]:
        chances = (numpy.pad(chances, (0, rank)) + numpy.pad(chances, (rank, 0))) / 2
    found = int(ranks[ratios > 0].sum())
    tails = {"less": chances[: found + 1].sum(), "greater": chances[found:].sum()}
    return float(tails[alternative] if alternative in tails else min(1.0, 2 * min(tails.values())))


def unpaired_p(first, second):
    """Mann and Whitney's, of two groups of log values. Valid only if any order of them was equally likely, as it is not for
    two runs one after the other."""
    return float(stats.mannwhitneyu(first, second).pvalue)


def smallest_unpaired_p(first, second):
    """What the clearest difference between groups of these sizes could reach: fewer repetitions prove nothing."""
    return min(1.0, 2 / math.comb(first + second, first))


def _interval(samples, statistic, generator):
    if all(numpy.ptp(sample) == 0 for sample in samples):
        value = float(statistic(*samples))
        return value, value
    bounds = stats.bootstrap(samples, statistic, n_resamples=RESAMPLES, vectorized=True, paired=False,
                             confidence_level=CONFIDENCE, method="percentile", random_state=generator)  # fmt: skip
    return float(bounds.confidence_interval.low), float(bounds.confidence_interval.high)


def interval(ratios, generator):
    """Of the trimmed mean, by resampling pairs: 95 %."""
    return _interval((numpy.asarray(ratios),), _centre, generator)


def unpaired_interval(first, second, generator):
    """Of the difference of the trimmed means, by resampling both groups: 95 %."""
    return _interval((numpy.asarray(first), numpy.asarray(second)), _difference, generator)


def holm(p_values):
    """Adjusted p values: all that are at most alpha may be called changes, and any one falsely so with at most alpha."""
    adjusted, worst = [0.0] * len(p_values), 0.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for place, index in enumerate(order):
        worst = max(worst, (len(order) - place) * p_values[index])
        adjusted[index] = min(1.0, worst)
    return adjusted


def share_interval(hits, trials):
    """Clopper and Pearson's interval of a share, 95 %: exact, and it says something of 0 in 300 too."""
    bounds = stats.binomtest(hits, trials).proportion_ci(CONFIDENCE, method="exact")
    return float(bounds.low), float(bounds.high)


def quantile(values, share):
    """The nearest rank above: a value that occurred."""
    return float(numpy.quantile(numpy.asarray(values), share, method="inverted_cdf"))
