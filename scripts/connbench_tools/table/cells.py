"""Cells of the tables: a median, the range of the repetitions, and the places that a row may have in its column.

A median of an even number of figures is the lower of the middle two, because a percentile is a value that occurred, and
is never averaged.
"""

from ..output import in_cell
from ..records.repetitions import differ, places, places_text, ratio
from ..records.waves import median
from ..units import significant

NOTHING = "-"


class Column:
    """One column: figures by repetition, for each row."""

    def __init__(self, rows, text, best=max):
        """`rows`: {name: {repetition: figure}}. `text` writes a figure. `best`: max, min or abs (nearest to 0)."""
        self.rows, self.text = rows, text
        if best is abs:
            rows = {name: {n: abs(value) for n, value in figures.items()} for name, figures in rows.items()}
        self.places = places(rows, max if best is max else min)

    def cell(self, name):
        """30,400 (29,100–31,800) #3–5"""
        known = sorted((self.rows.get(name) or {}).values())
        if not known:
            return NOTHING
        parts = [self.text(median(known))]
        if len(known) > 1:
            parts.append(f"({self.text(known[0])}–{self.text(known[-1])})")
        parts += [places_text(*self.places[name])] if name in self.places else []
        return " ".join(parts)


def microseconds(nanoseconds):
    """From 100 ms on in ms, with the unit."""
    if abs(nanoseconds) >= 1e8:
        return f"{nanoseconds / 1e6:,.0f} ms"
    return figure(nanoseconds / 1e3)


def figure(value):
    """Three digits, and no decimals from 100 on; 0 is 0."""
    return significant(value) if abs(value) >= 0.01 else "0"


def whole(value):
    return significant(value) if abs(value) >= 100 else f"{value:.0f}"


def relation(ours, theirs):
    """How one row relates to another: 0.87 (0.81–0.93); equal (0.97–1.04)"""
    found, verdict = ratio(ours, theirs), differ(ours, theirs)
    if found is None:
        return NOTHING
    spread = f"({found.least:.2f}–{found.greatest:.2f})"
    if verdict is None:
        return f"{found.median:.2f} {spread} ?"
    return f"{found.median:.2f} {spread}" if verdict else f"equal {spread}"


def table_text(heads, lines):
    """A Markdown table; the first column is text."""
    rows = [heads, [":--"] + ["--:"] * (len(heads) - 1), *(map(in_cell, line) for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
