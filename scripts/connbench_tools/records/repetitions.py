"""What the repetitions of a run support: which rows differ, and by how much.

The machine's speed drifts, by a factor of two within minutes, so ranges of different rows overlap even when one row is
always faster. But each repetition measures every row once, in random order, so the ratio of two rows within a
repetition hardly drifts. Two rows count as different when chance alone would say so in at most 1 of 100 comparisons of
equal rows:

- from 8 repetitions on, if the same row is ahead in all of them (two equal rows: 2 of 2^8, 0.8 %); from 12 on, one may
  be against it, from 15 on two, and so on (the sign test);
- with 5 to 7 repetitions, if the ranges do not overlap (two equal rows: 2 of 252, 0.8 %; this holds for repetitions
  that are alike: if the row measured first is slow in every one, up to 1 of 16 with 5).

With fewer repetitions, nothing can be said, and equal is not claimed either.
"""

from collections import namedtuple
from math import comb

from .waves import median

CHANCE = 0.01

# Of one row against another: the median ratio within a repetition, and the least and the greatest.
Ratio = namedtuple("Ratio", "median least greatest repetitions")


def by_repetition(rows, figure):
    """{repetition: figure(row)} of the rows of one connector under one load. Unknown figures are left out."""
    found = {int(row["repetition"]): figure(row) for row in rows}
    return {repetition: value for repetition, value in found.items() if value is not None}


def number(column):
    """A figure that stands in one column."""
    return lambda row: float(row[column]) if row[column] not in ("", None) else None


def chance_of(against, repetitions):
    """That of two equal rows, one is ahead in all but `against` repetitions, or in more."""
    return 2 * sum(comb(repetitions, count) for count in range(against + 1)) / 2**repetitions


def most_against(repetitions):
    """How many repetitions may be against a difference; None when even none is too many."""
    allowed = [count for count in range(repetitions // 2) if chance_of(count, repetitions) <= CHANCE]
    return allowed[-1] if allowed else None


def ranges_apart_by_chance(repetitions):
    return 2 / comb(2 * repetitions, repetitions)


def differ(ours, theirs):
    """Whether two rows differ, each a dictionary as by_repetition() makes it. None when there are too few repetitions
    to say."""
    shared = ours.keys() & theirs.keys()
    allowed = most_against(len(shared))
    if allowed is not None:
        signs = [_sign(ours[repetition] - theirs[repetition]) for repetition in shared]
        return max(signs.count(1), signs.count(-1)) >= len(shared) - allowed
    least = min(len(ours), len(theirs))
    if least == 0 or ranges_apart_by_chance(least) > CHANCE:
        return None
    return max(ours.values()) < min(theirs.values()) or max(theirs.values()) < min(ours.values())


def _sign(value):
    return (value > 0) - (value < 0)


def ratio(ours, theirs):
    """The Ratio of two rows, repetition by repetition; None when no repetition has both."""
    shared = [(ours[n], theirs[n]) for n in sorted(ours.keys() & theirs.keys()) if theirs[n]]
    if not shared:
        return None
    ratios = sorted(one / other for one, other in shared)
    return Ratio(median(ratios), ratios[0], ratios[-1], len(ratios))


def places(rows, best=max):
    """{name: (first, last)} for {name: figures by repetition}: the places that a row may have in its column: all others
    are better or worse by differ(). Empty when no two rows could be compared."""
    known = {name: figures for name, figures in rows.items() if figures}
    names = sorted(known, key=lambda name: median(known[name].values()), reverse=best is max)
    found = {name: [1, len(names)] for name in names}
    compared = False
    for place, better in enumerate(names):
        for worse in names[place + 1 :]:
            verdict = differ(known[better], known[worse])
            compared |= verdict is not None
            if verdict:
                found[better][1] -= 1
                found[worse][0] += 1
    return {name: tuple(ends) for name, ends in found.items()} if compared else {}


def places_text(first, last):
    """#3–5, or #2"""
    return f"#{first}" if first == last else f"#{first}–{last}"
