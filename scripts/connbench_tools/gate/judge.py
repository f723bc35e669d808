"""From pairs to verdicts: the sequential procedure of the gate, the same for measured pairs and for resampled ones.

The pairs are judged at a few looks, which are planned beforehand. Each look may spend an equal share of ALPHA
(Bonferroni over looks, Holm over the rows within one), so that the whole first phase raises a false alarm in any row
with a probability of at most ALPHA. A row that is decided is not measured further. A regression is then measured
again, with new pairs.
"""

from . import statistics
from .runs import HIGHER_IS_BETTER

LOOKS = (20, 28, 40)  # numbers of pairs at which the rows are judged
ALPHA = 0.01  # probability of a false change in any row, over all looks
CONFIRM_PAIRS, CONFIRM_ALPHA = 16, 0.05  # one-sided, with Holm's correction over all suspects
LEAST = 0.05  # a smaller relative change never counts, however certain it is
MARGIN = 1.5  # over the noise in the self-test: an hour with half as much noise again still gets verdicts
REGRESSED, IMPROVED, SAME, UNSTABLE = "regressed", "improved", "same", "unstable"
UNDECIDED = ""


def threshold(noise):
    """The relative change that must be exceeded. `noise`: a bound that 99 of 100 comparisons of a build with itself
    keep."""
    return max(LEAST, MARGIN * noise)


class Row:
    """One benchmark and metric under judgement. effect, interval and threshold are relative changes of the metric
    (0.1: 10 % more). p is adjusted for all rows and looks, to be compared with ALPHA. A figure that does not exist is
    None."""

    def __init__(self, benchmark, metric, threshold):
        self.benchmark, self.metric, self.threshold = benchmark, metric, threshold
        self.pairs, self.effect, self.low, self.high, self.p = 0, None, None, None, None
        self.verdict, self.note = UNDECIDED, ""
        self.across = ""  # what else differs between the sides, where they are of two machines: "kernel 6.1 / 6.12"

    @property
    def key(self):
        return self.benchmark, self.metric

    def worse(self, effect):
        return effect < 0 if self.metric in HIGHER_IS_BETTER else effect > 0

    def set(self, pairs, centre, low, high):
        self.pairs = pairs
        self.effect, self.low, self.high = (statistics.relative(value) for value in (centre, low, high))

    def judge(self, p):
        """Decides if the evidence suffices; p is adjusted. SAME needs a difference below the threshold and an interval
        whose half is below it too: then a change of twice the threshold is missed once in forty times."""
        self.p = p
        if abs(self.effect) > self.threshold:
            if p <= ALPHA:
                self.verdict = REGRESSED if self.worse(self.effect) else IMPROVED
        elif (self.high - self.low) / 2 <= self.threshold:
            self.verdict = SAME

    def give_up(self):
        if self.verdict == UNDECIDED:
            self.verdict = UNSTABLE


def ratios(pairs, key):
    """The log ratios of a row, and the number of its pairs that have none: a value is missing, or is not above 0."""
    values = [pair.values[key] for pair in pairs if key in pair.values]
    usable = [value for value in values if all(side is not None and side > 0 for side in value)]
    return (statistics.log_ratios(usable) if usable else []), len(values) - len(usable)


class Gate:
    """One comparison. `source` has take(count, loads) -> [Pair], time_for(count, loads, again, loads_again) -> bool,
    load_of(key) -> load, and loads. `noise`: {(benchmark, metric): the 99th percentile of A against A}, or a function
    that returns it, which is called once pairs were measured."""

    def __init__(self, source, noise, generator, looks=LOOKS, confirm_pairs=CONFIRM_PAIRS):
        self.source, self.noise, self.generator = source, noise, generator
        self.looks, self.confirm_pairs = looks, confirm_pairs
        self.rows, self.pairs, self.confirmation = [], [], []

    def _noise_of(self, key):
        """A row that the self-test does not know counts as noisy as the noisiest one of its metric."""
        of_metric = [noise for (_, metric), noise in self.noise.items() if metric == key[1]]
        return self.noise.get(key, max(of_metric, default=0.0))

    def run(self):
        """The rows, each with a verdict."""
        for look, count in enumerate(self.looks):
            more = count - (self.looks[look - 1] if look else 0)
            loads = self._loads(self._undecided()) if look else list(self.source.loads)
            if look and not self.source.time_for(more, loads, self.confirm_pairs, self._loads(self._in_question())):
                break
            self.pairs += self.source.take(more, loads)
            self._look()
            if not self._undecided():
                break
        suspects = [row for row in self.rows if row.verdict == REGRESSED]
        if suspects:
            self._confirm(suspects)
        for row in self.rows:
            row.give_up()
        return self.rows

    def _undecided(self):
        return [row for row in self.rows if row.verdict == UNDECIDED]

    def _in_question(self):
        return [row for row in self.rows if row.verdict in (UNDECIDED, REGRESSED)]

    def _loads(self, rows):
        wanted = {self.source.load_of(row.key) for row in rows}
        return [load for load in self.source.loads if load in wanted]

    def _look(self):
        if not self.rows:
            self.noise = self.noise() if callable(self.noise) else self.noise
            keys = dict.fromkeys(key for pair in self.pairs for key in pair.values)
            self.rows = [Row(*key, threshold(self._noise_of(key))) for key in keys]
        # Rows that were decided keep their place in Holm's order: changes as the smallest p, the others as the largest.
        p_values = [self._p_value(row) for row in self.rows]
        for row, p in zip(self.rows, statistics.holm(p_values)):
            if row.verdict == UNDECIDED:
                row.judge(min(1.0, p * len(self.looks)))

    def _p_value(self, row):
        if row.verdict == UNDECIDED:
            return self._measure(row)
        return 0.0 if row.verdict in (REGRESSED, IMPROVED) else 1.0

    def _measure(self, row):
        """The row's p value at this look alone. A row that lacks figures becomes unstable."""
        own, missing = ratios(self.pairs, row.key)
        row.pairs = len(own)
        if missing:
            row.note = (
                f"no figure in {missing} of {missing + len(own)} pairs: too few attempts ended that way, or the "
                "offered rate was not sustained"
            )
            row.verdict = UNSTABLE
            return 1.0
        centre = statistics.centre(own)
        row.set(len(own), centre, *statistics.interval(own, self.generator))
        return statistics.sign_flip_p(own)

    def _confirm(self, suspects):
        self.confirmation = self.source.take(self.confirm_pairs, self._loads(suspects))
        found = []
        for row in suspects:
            own, missing = ratios(self.confirmation, row.key)
            side = "less" if row.metric in HIGHER_IS_BETTER else "greater"
            p = statistics.sign_flip_p(own, side) if not missing else 1.0
            effect = statistics.relative(statistics.centre(own)) if not missing else None
            found.append((row, p, effect))
        for (row, _, effect), p in zip(found, statistics.holm([p for _, p, _ in found])):
            again = "no figure" if effect is None else f"{effect:+.1%}"
            if effect is not None and p <= CONFIRM_ALPHA and row.worse(effect) and abs(effect) > row.threshold:
                row.note = f"confirmed by {len(self.confirmation)} further pairs: {again}"
            else:
                row.verdict = UNSTABLE
                row.note = f"not confirmed by {len(self.confirmation)} further pairs: {again}"
