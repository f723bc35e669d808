"""From pairs to verdicts: the sequential procedure of the gate, the same for real pairs and for resampled ones.

Pairs are looked at a few times, planned beforehand, and each look may spend an equal share of ALPHA (Bonferroni over looks,
Holm over rows within one): the whole first phase cries wolf over any row at most once in 1/ALPHA times. What is decided at a
look is not measured further. A regression is then measured again, with pairs of its own.
"""

import gate_statistics
from gate_runs import HIGHER_IS_BETTER

LOOKS = (20, 28, 40)  # pairs at which a judgement is made
ALPHA = 0.01  # of a false change in any row, over all looks
CONFIRM_PAIRS, CONFIRM_ALPHA = 16, 0.05  # one-sided, Holm over what is to be confirmed
LEAST = 0.05  # a relative change up to this one is none, however sure
MARGIN = 1.5  # over the noise that the self-test has met: an hour half as noisy again still gets verdicts
REGRESSED, IMPROVED, SAME, UNSTABLE = "regressed", "improved", "same", "unstable"
UNDECIDED = ""


def threshold(noise):
    """A relative change up to this one is none. `noise`: what 99 of 100 comparisons of a build with itself stay below."""
    return max(LEAST, MARGIN * noise)


class Row:
    """One benchmark and metric under judgement. effect, interval and threshold are relative changes of the metric (0.1: 10 %
    more), p is adjusted for all rows and looks: compare it with ALPHA. A figure that does not exist is None."""

    def __init__(self, benchmark, metric, threshold):
        self.benchmark, self.metric, self.threshold = benchmark, metric, threshold
        self.pairs, self.effect, self.low, self.high, self.p = 0, None, None, None, None
        self.verdict, self.note = UNDECIDED, ""

    @property
    def key(self):
        return self.benchmark, self.metric

    def worse(self, effect):
        return effect < 0 if self.metric in HIGHER_IS_BETTER else effect > 0

    def set(self, pairs, centre, low, high):
        self.pairs = pairs
        self.effect, self.low, self.high = (gate_statistics.relative(value) for value in (centre, low, high))

    def judge(self, p):
        """Decides if it can; p is adjusted. The same is what differs by less than the threshold and was measured so well that
        half the interval is less, too: then a change of twice the threshold would pass for none once in forty times."""
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
    """The log ratios of a row, and how many of its pairs have none: a value is missing, or not above 0."""
    values = [pair.values[key] for pair in pairs if key in pair.values]
    usable = [value for value in values if all(side is not None and side > 0 for side in value)]
    return (gate_statistics.log_ratios(usable) if usable else []), len(values) - len(usable)


class Gate:
    """One comparison. `source` has take(count, loads) -> [Pair] and time_for(count, loads) -> bool, load_of(key) -> load and
    loads. `noise`: {(benchmark, metric): the 99th percentile of A against A}."""

    def __init__(self, source, noise, generator, looks=LOOKS, confirm_pairs=CONFIRM_PAIRS):
        self.source, self.noise, self.generator = source, noise, generator
        self.looks, self.confirm_pairs = looks, confirm_pairs
        self.rows, self.pairs, self.confirmation = [], [], []

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
            keys = dict.fromkeys(key for pair in self.pairs for key in pair.values)
            self.rows = [Row(*key, threshold(self.noise.get(key, 0.0))) for key in keys]
        # A change that is decided stays the smallest; the rest that is decided cannot become one any more.
        p_values = [self._p_value(row) for row in self.rows]
        for row, p in zip(self.rows, gate_statistics.holm(p_values)):
            if row.verdict == UNDECIDED:
                row.judge(min(1.0, p * len(self.looks)))

    def _p_value(self, row):
        if row.verdict == UNDECIDED:
            return self._measure(row)
        return 0.0 if row.verdict in (REGRESSED, IMPROVED) else 1.0

    def _measure(self, row):
        """Its p value of this look alone. What cannot be judged is given up."""
        own, missing = ratios(self.pairs, row.key)
        row.pairs = len(own)
        if missing:
            row.note = (f"no figure in {missing} of {missing + len(own)} pairs: too few attempts ended so, or the rate was "
                        "not kept")  # fmt: skip
            row.verdict = UNSTABLE
            return 1.0
        centre = gate_statistics.centre(own)
        row.set(len(own), centre, *gate_statistics.interval(own, self.generator))
        return gate_statistics.sign_flip_p(own)

    def _confirm(self, suspects):
        self.confirmation = self.source.take(self.confirm_pairs, self._loads(suspects))
        found = []
        for row in suspects:
            own, missing = ratios(self.confirmation, row.key)
            side = "less" if row.metric in HIGHER_IS_BETTER else "greater"
            p = gate_statistics.sign_flip_p(own, side) if not missing else 1.0
            effect = gate_statistics.relative(gate_statistics.centre(own)) if not missing else None
            found.append((row, p, effect))
        for (row, _, effect), p in zip(found, gate_statistics.holm([p for _, p, _ in found])):
            again = "no figure" if effect is None else f"{effect:+.1%}"
            if effect is not None and p <= CONFIRM_ALPHA and row.worse(effect) and abs(effect) > row.threshold:
                row.note = f"confirmed by {len(self.confirmation)} further pairs: {again}"
            else:
                row.verdict = UNSTABLE
                row.note = f"not confirmed by {len(self.confirmation)} further pairs: {again}"
