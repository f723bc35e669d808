"""Rows of summary.csv in which no two cells are alike, so that a figure shows from which cell it came.

A cell depends on its column, the repetition, and the place of its connector, load or side. Over the repetitions, the
median is neither the first value, nor the last, nor the mean.
"""

import statistics

from connbench_tools.vocabulary import COLUMNS, OUTCOMES

SUMMARY = COLUMNS["summary.csv"]
REPETITIONS = (1, 9, 4, 7, 2)  # factors, one per repetition
PLACES = {column: number for number, column in enumerate(SUMMARY)}


def cell(column, repetition, place):
    """The value of a measured column."""
    return (1000 + 10 * PLACES[column]) * REPETITIONS[repetition - 1] + place


def figures(repetition, place, *without):
    """All measured columns of a row, except those in `without`. Attempts and outcomes are distinct, too."""
    first = SUMMARY.index("makespan_ns")
    found = {column: cell(column, repetition, place) for column in SUMMARY[first:] if column not in without}
    outcomes = {name: 3 * number + repetition + place for number, name in enumerate(OUTCOMES, 1)}
    return found | outcomes | {"attempts": sum(outcomes.values())}


def median(column, place):
    """The median over the repetitions."""
    return statistics.median(cell(column, repetition, place) for repetition in (1, 2, 3, 4, 5))


def per_attempt(place, *columns):
    """The median over the repetitions of a sum of columns, divided by the attempts of each repetition."""
    values = []
    for repetition in (1, 2, 3, 4, 5):
        row = figures(repetition, place)
        values.append(sum(row[column] for column in columns) / row["attempts"])
    return statistics.median(values)
