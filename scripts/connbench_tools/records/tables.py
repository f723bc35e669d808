"""CSV files of a run folder, as rows of text."""

import csv
import lzma
import math
import zlib

from ..failures import Unusable
from ..vocabulary import COLUMNS, OUTCOMES
from . import waves

# What tells a wave from the other waves of its run.
CASE = ("scenario", "connector", "target", "family", "concurrency", "timeout_ns", "repetition")
TEXTS = ("run_id", "scenario", "connector", "target", "family")
COUNTS = ("concurrency", "timeout_ns", "repetition", "wave", "attempts", *OUTCOMES)
FIGURES = tuple(column for column in COLUMNS["summary.csv"] if column not in (*TEXTS, *COUNTS))
EXHAUSTION_TEXTS = ("run_id", "connector", "resource", "limit_kind", "limit", "stopped_call")
EXHAUSTION_FIGURES = tuple(column for column in COLUMNS["exhaustion.csv"] if column not in EXHAUSTION_TEXTS)


class Row(dict):
    """One row. A column that the file does not have is empty, like a value that is not known."""

    def __missing__(self, _column):
        return ""


class Table:
    """The rows of one file. `damage` describes the first row that had to be left out; None when all are whole."""

    def __init__(self, columns, rows, damage):
        self.columns, self.rows, self.damage = columns, rows, damage


def whole_rows(file, path, torn=None):
    """Rows of an open CSV file as lists, the header first. A last row without its line end is left out, because the run
    was killed while writing it; its number goes into the list `torn`."""
    whole = [True]

    def lines():
        for line in file:
            whole[0] = line.endswith("\n")
            yield line

    held, number = None, -1
    try:
        for row in csv.reader(lines(), strict=False):
            if held is not None:
                yield held
            held, number = row, number + 1
        if held is not None and whole[0]:
            yield held
        elif held is not None and torn is not None:
            torn.append(number)
    except (csv.Error, UnicodeDecodeError, EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise Unusable(f"{path} cannot be read as CSV: {error}") from error


def read_table(path, wanted, label=None):
    """A small CSV file. The columns in `wanted` must be there."""
    label, torn, damage, kept = label or path, [], None, []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = whole_rows(file, label, torn)
            header = next(rows, [])
            require_columns(header, wanted, label)
            for number, row in enumerate(rows, 1):
                if len(row) == len(header):
                    kept.append(Row(zip(header, row)))
                else:  # nobody can tell which field is which
                    damage = damage or f"row {number} has {len(row)} fields, the header has {len(header)}"
    except OSError as error:
        raise Unusable(f"{label} cannot be read: {error.strerror}") from error
    if torn and not damage:
        damage = f"row {torn[0]}, the last, is cut short"
    return Table(header, kept, damage)


def require_columns(header, wanted, label):
    lacking = [column for column in dict.fromkeys(wanted) if column not in header]
    if lacking:
        raise Unusable(f"{label} has no column {', '.join(lacking)}; results/README.md says what must be there")


def read_summary(path, label):
    """summary.csv, whose numbers are checked. Columns of measured values may be missing or empty."""
    table = read_table(path, (*CASE, *COUNTS), label)
    for number, row in enumerate(table.rows, 1):
        wrong = wrong_in(row)
        if wrong:
            raise Unusable(f"{label}: row {number} {wrong}")
    return table


def wrong_in(row):
    """What is wrong with the values in a row of summary.csv; None when nothing is."""
    for column in COUNTS:
        if not (row[column].isascii() and row[column].isdigit()):
            return f"has '{row[column]}' as {column}, which is not a number"
    wrong = wrong_figure(row, FIGURES)
    if not wrong and waves.is_steady(row["scenario"]) and not is_number(waves.offered_text(row["scenario"])):
        wrong = f"has the scenario '{row['scenario']}', which has no rate"
    return wrong


def wrong_figure(row, columns):
    for column in columns:
        if row[column] and not is_number(row[column]):
            return f"has '{row[column]}' as {column}, which is not a number"
    return None


def is_number(text):
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def read_exhaustion(path, label):
    """exhaustion.csv, whose numbers are checked."""
    table = read_table(path, ("connector", "resource", "pending"), label)
    for number, row in enumerate(table.rows, 1):
        wrong = wrong_figure(row, EXHAUSTION_FIGURES)
        if wrong:
            raise Unusable(f"{label}: row {number} {wrong}")
    return table
