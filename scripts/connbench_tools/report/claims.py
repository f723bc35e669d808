"""What the repetitions of a load let us say of its connectors: which have the least of a figure, and which the most.

Two connectors count as different only when chance would hardly do that to equal ones (records/repetitions.py). What
cannot be told apart is named together, and an order that the repetitions do not show is called that.
"""

from ..records.repetitions import by_repetition, differ
from ..units import honest_digits, listed

ENOUGH = 5  # repetitions that can tell two connectors apart


def level_with(first, others, figure):
    """Those of the other lines that cannot be told apart from the first by a figure of their rows."""
    best = by_repetition(first.rows, figure)
    return [line for line in others if not differ(best, by_repetition(line.rows, figure))]


class Ranking:
    """Lines of one load in the order of a figure, best first. `value`: of a line, None when it is not known; `figure`:
    of one of its rows; `show`: makes text of a value, with a number of digits."""

    def __init__(self, lines, value, figure, show):
        known = [(value(line), line) for line in lines]
        self.values = sorted(((amount, line) for amount, line in known if amount is not None), key=lambda two: two[0])
        self.lines = [line for _, line in self.values]
        self.figure = figure
        each = {id(line): by_repetition(line.rows, figure).values() for line in self.lines}
        self.shown = {id(line): show(amount, honest_digits(each[id(line)])) for amount, line in self.values}
        ends = [self.lines[0], self.lines[-1]] if self.lines else []
        self.is_sure = all(len(by_repetition(line.rows, figure)) >= ENOUGH for line in ends)
        self.best = [self.lines[0], *level_with(self.lines[0], self.lines[1:], figure)] if self.lines else []
        self.tells_apart = self.is_sure and len(self.best) < len(self.lines)

    def worst(self):
        """The last, and those that cannot be told apart from it; none when the best are among them."""
        last, best = self.lines[-1], set(map(id, self.best))
        found = [*level_with(last, self.lines[:-1], self.figure), last]
        return [] if any(id(line) in best for line in found) else found

    def names(self, lines):
        """a (1 ms); a and b (1 to 2 ms, not distinguishable)"""
        values = [self.shown[id(line)] for line in self.lines if any(line is one for one in lines)]
        if len(values) == 1:
            return f"{lines[0].connector} ({values[0]})"
        span = f"{values[0]} to {values[-1]}" if values[0] != values[-1] else f"{values[0]} each"
        return f"{listed(line.connector for line in lines)} ({span}, not distinguishable)"

    def text(self, least, most):
        """Which connector has least and which has most, as far as the repetitions show it. "" without lines."""
        if not self.lines:
            return ""
        first, last = self.lines[0], self.lines[-1]
        if len(self.lines) == 1:
            return f"{first.connector}, {self.shown[id(first)]}; no other connector was measured"
        ends = " to ".join(f"{self.shown[id(line)]} ({line.connector})" for line in (first, last))
        if not self.is_sure:
            return f"medians from {ends}; fewer than {ENOUGH} repetitions do not show how certain that order is"
        if not self.tells_apart:
            return f"medians from {ends}, but none can be told apart from {first.connector}"
        worst = self.worst()
        return f"{least} {self.names(self.best)}" + (f", {most} {self.names(worst)}" if worst else "")
