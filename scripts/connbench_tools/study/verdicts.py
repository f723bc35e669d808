"""The rules that turn figures into verdicts. They use what the tables and the gate use: two rows differ by
records/repetitions.py, shares have exact intervals, and ratios the gate's interval.

An Answer is True, False, or None: not decided. What cannot be told apart is never called different, and what was not
shown to be equal is never called equal.
"""

from collections import namedtuple
from math import inf

from ..gate import statistics
from ..gate.statistics import numpy
from ..records.repetitions import CHANCE, differ, most_against, ratio
from ..units import significant
from .plan import Lacking

HOLDS, FAILS, DEPENDS, UNTESTABLE = "holds", "does not hold", "depends", "not testable here"
WORDS = (HOLDS, FAILS, DEPENDS, UNTESTABLE)

# `word`: one of WORDS. `because`: what was seen. `on`: what it depends on, only with DEPENDS.
Verdict = namedtuple("Verdict", "word because on", defaults=("",))
Answer = namedtuple("Answer", "value text")

DECIDED = 0.5  # of the situations: when fewer are decided, one that chance decided would speak for all
REACHED = 0.8  # of the published effect: from there on, an effect counts as the published one
SEED = 1  # of the resampling: the same records give the same page


def title_of(verdict):
    """holds; depends on the distance"""
    return f"{verdict.word} on {verdict.on}" if verdict.word == DEPENDS and verdict.on else verdict.word


def published(factor):
    """The least ratio that counts as an effect of this published size: 1.20 for 25 % more."""
    return 1 + REACHED * (factor - 1)


def at_least(ours, theirs, factor=1.0):
    """Whether one figure is at least `factor` times another. Both: {repetition: value}."""
    return _decided(ours, theirs, _side(ours, theirs, factor))


def at_most(ours, theirs, factor=1.0):
    """Whether one figure is at most `factor` times another."""
    side = _side(ours, theirs, factor)
    return _decided(ours, theirs, None if side is None else not side)


def equal(ours, theirs, margin):
    """Whether two figures differ by less than the factor `margin`, in either direction."""
    below, above = _side(ours, theirs, margin), _side(ours, theirs, 1 / margin)
    value = True if below is False and above is True else False if below is True or above is False else None
    return _decided(ours, theirs, value)


def mostly(hits, trials, share=0.9, rarely=0.5):
    """Whether at least `share` of the trials are hits, by the exact interval; False when it is below `rarely`."""
    if not trials:
        return Answer(None, "no attempts")
    low, high = share_interval(hits, trials)
    value = True if low >= share else False if high < rarely else None
    return Answer(value, f"{hits:,} of {trials:,}")


def any_of(hits, trials, rarest):
    """Whether something happens at all. False only when the exact interval lies below the share `rarest`."""
    low, high = share_interval(hits, trials)
    value = True if hits else False if high < rarest else None
    bound = "" if hits else f", that is, at most {high:.2g} of them"
    return Answer(value, f"{hits:,} of {trials:,}{bound}")


def share_interval(hits, trials):
    """The exact 95 % interval of a share. Without trials, it may be anything."""
    if not trials:
        return 0.0, 1.0
    with numpy.errstate(divide="ignore"):  # of a probability that scipy computes and nobody asked for
        return statistics.share_interval(hits, trials)


class Constant(dict):
    """A value that was published and does not vary, as a row: the same in every repetition."""


def against(figures, value):
    """A constant as a row that figures can be compared with. It takes eight repetitions: that five lie on one side of a
    constant happens by chance in 1 of 16 cases, because the constant does not vary with them."""
    return Constant(dict.fromkeys(figures, value))


def rarer(ours, theirs):
    """Whether a share is smaller than another one, by Fisher's exact test. Both: (hits, trials). None: not decided."""
    return True if statistics.share_p(ours, theirs) <= CHANCE else None


def all_of(answers):
    """One Answer for several conditions, all of which must hold."""
    values = [answer.value for answer in answers.values()]
    value = False if False in values else None if None in values else True
    return Answer(value, ", ".join(f"{name} {answer.text}" for name, answer in answers.items()))


def verdict_of(answers, on):
    """The verdict that follows from an answer for each situation. `on`: what a verdict that differs depends on."""
    if not answers:
        raise Lacking("nothing was measured")
    said = "; ".join(f"{name}: {answer.text}" if name else answer.text for name, answer in answers.items())
    clear = {name: answer.value for name, answer in answers.items() if answer.value is not None}
    undecided = [name for name in answers if name not in clear]
    if len(clear) < DECIDED * len(answers) or not clear:
        return Verdict(UNTESTABLE, f"the measurements do not decide ({said})")
    if undecided and undecided != [""]:
        said += f"; not decided: {', '.join(undecided)}"
    if len(set(clear.values())) == 1:
        return Verdict(HOLDS if all(clear.values()) else FAILS, said)
    yes, no = ([name for name, value in clear.items() if value is wanted] for wanted in (True, False))
    return Verdict(DEPENDS, f"true for {', '.join(yes)}; false for {', '.join(no)} ({said})", on)


def overall(verdicts):
    """One verdict for a study of several claims. Those that are not testable here do not vote."""
    decided = [verdict for verdict in verdicts if verdict.word != UNTESTABLE]
    words = list(dict.fromkeys(verdict.word for verdict in decided or verdicts))
    if len(words) == 1:
        on = next((verdict.on for verdict in verdicts if verdict.on), "")
        return Verdict(words[0], "", on)
    return Verdict(DEPENDS, "", "the claim")


def ratio_text(ours, theirs):
    """1.05 times (0.98 to 1.12): the gate's trimmed mean over the repetitions, and its 95 % interval."""
    if inf in ours.values() or inf in theirs.values():
        return "some never" if inf in ours.values() else "the other some never"
    shared = [(theirs[n], ours[n]) for n in sorted(ours.keys() & theirs.keys()) if theirs[n] > 0 and ours[n] > 0]
    if len(shared) < 2:
        found = ratio(ours, theirs)
        return "not known" if found is None else f"{_times(found.median)} times"
    ratios = statistics.log_ratios(shared)
    low, high = statistics.interval(ratios, numpy.random.default_rng(SEED))
    middle, low, high = (1 + statistics.relative(value) for value in (statistics.centre(ratios), low, high))
    return f"{_times(middle)} times ({_times(low)} to {_times(high)})"


def _times(value):
    return significant(value)


def _side(ours, theirs, factor):
    """True: above `factor` times the other, False: below, None: not told apart."""
    scaled = {repetition: factor * value for repetition, value in theirs.items()}
    if isinstance(theirs, Constant) and most_against(len(ours.keys() & theirs.keys())) is None:
        return None
    if not differ(ours, scaled):
        return None
    return sum((ours[n] > scaled[n]) - (ours[n] < scaled[n]) for n in ours.keys() & scaled.keys()) > 0


def _decided(ours, theirs, value):
    return Answer(value, ratio_text(ours, theirs) + ("" if value is not None else ", not decided"))
