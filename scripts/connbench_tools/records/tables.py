"""CSV files of a run folder, as rows of text. The vocabulary says which columns there are, and so what they hold."""

import csv
import io
import itertools
import lzma
import re
import zlib

from ..failures import Unusable
from ..vocabulary import COLUMNS, OUTCOMES
from . import waves
from .files import opened

# What tells a wave from the other waves of its run.
CASE = ("scenario", "connector", "target", "family", "concurrency", "timeout_ns", "repetition")
TEXTS = ("run_id", "scenario", "connector", "target", "family")
COUNTS = ("concurrency", "timeout_ns", "repetition", "wave", "attempts", *OUTCOMES)
COUNTS_OR_EMPTY = ("shards",)
FIGURES = tuple(column for column in COLUMNS["summary.csv"] if column not in (*TEXTS, *COUNTS, *COUNTS_OR_EMPTY))
EXHAUSTION_TEXTS = ("run_id", "connector", "resource", "limit_kind", "limit", "stopped_call")
EXHAUSTION_FIGURES = tuple(column for column in COLUMNS["exhaustion.csv"] if column not in EXHAUSTION_TEXTS)

LONGEST_LINE = 1 << 20  # characters
MOST_LINES_OF_A_ROW = 1_000
MOST_ROWS = 200_000  # of a table that is held in memory
# Whole numbers and decimals as connbench writes them, of a size with which one can calculate. No time, count or rate
# comes near a trillion of its unit in seconds.
_COUNT = re.compile(r"0|[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,2})?")
_LARGEST = 1e18


def case_of(row):
    """What tells a row's wave from the others."""
    return tuple(row[column] for column in CASE)


class Row(dict):
    """One row. A column that the file does not have is empty, like a value that is not known."""

    def __missing__(self, _column):
        return ""


class Table:
    """The rows of one file. `damage` describes the first row that had to be left out; None when all are whole."""

    def __init__(self, columns, rows, damage):
        self.columns, self.rows, self.damage = columns, rows, damage


def whole_rows(file, path, torn=None, keep_torn=False):
    """Rows of an open CSV file as lists, the header first. A last row without its line end is left out, because the run
    was killed while writing it; its number goes into the list `torn`."""
    whole, lines_of_row = [True], [0]

    def lines():
        while line := file.readline(LONGEST_LINE):
            whole[0] = line.endswith("\n")
            lines_of_row[0] += 1
            if lines_of_row[0] > MOST_LINES_OF_A_ROW or (not whole[0] and len(line) == LONGEST_LINE):
                raise Unusable(f"{path} cannot be read as CSV: a row is longer than any that connbench writes")
            yield line

    held, number = None, -1
    try:
        for row in csv.reader(lines(), strict=False):
            lines_of_row[0] = 0
            if held is not None:
                yield held
            held, number = row, number + 1
        if held is not None and (whole[0] or keep_torn):
            yield held
        elif held is not None and torn is not None:
            torn.append(number)
    except (csv.Error, UnicodeDecodeError, EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise Unusable(f"{path} cannot be read as CSV: {error}") from error


def read_table(path, wanted, label=None):
    """A small CSV file. The columns in `wanted` must be there."""
    label, torn, damage, kept = label or path, [], None, []
    with opened(path, label) as file, text_of(file) as text:
        rows = whole_rows(text, label, torn)
        header = next(rows, [])
        require_columns(header, wanted, label)
        for number, row in enumerate(rows, 1):
            if number > MOST_ROWS:
                raise Unusable(f"{label} has more than {MOST_ROWS:,} rows")
            if len(row) == len(header):
                kept.append(Row(zip(header, row)))
            else:  # nobody can tell which field is which
                damage = damage or f"row {number} has {len(row)} fields, the header has {len(header)}"
    if torn and not damage:
        damage = f"row {torn[0]}, the last, is cut short"
    return Table(header, kept, damage)


def read_whole(path, label=None):
    """Header and rows of a small CSV file, as lists. A last row without its line end counts, too."""
    with opened(path, label) as file, text_of(file) as text:
        rows = list(itertools.islice(whole_rows(text, label or path, keep_torn=True), MOST_ROWS))
    require_columns(rows[0] if rows else [], (), label or path)
    return (rows[0] if rows else []), rows[1:]


def text_of(file):
    """A CSV file in binary form as text."""
    return io.TextIOWrapper(file, encoding="utf-8", newline="")


def require_columns(header, wanted, label):
    lacking = [column for column in dict.fromkeys(wanted) if column not in header]
    if lacking:
        raise Unusable(f"{label} has no column {', '.join(lacking)}; results/README.md says what must be there")
    if len(set(header)) < len(header):
        twice = next(column for column in header if header.count(column) > 1)
        raise Unusable(f"{label} has the column {twice} twice")


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
        if not is_count(row[column]):
            return f"has '{row[column]}' as {column}, which is not a number of 0 or more"
    for column in COUNTS_OR_EMPTY:
        if row[column] and not is_count(row[column]):
            return f"has '{row[column]}' as {column}, which is not a number of 0 or more"
    wrong = wrong_figure(row, FIGURES)
    scenario = row["scenario"]
    if not wrong and waves.is_steady(scenario) and not is_number(waves.offered_text(scenario)):
        wrong = f"has the scenario '{scenario}', which has no rate"
    return wrong


def wrong_figure(row, columns):
    for column in columns:
        if row[column] and not is_number(row[column]):
            return f"has '{row[column]}' as {column}, which is not a number"
    return None


def is_count(text):
    return _COUNT.fullmatch(text) is not None


def is_number(text):
    """Whether it is a decimal number of a size with which one can calculate."""
    return _DECIMAL.fullmatch(text) is not None and abs(float(text)) <= _LARGEST


def read_exhaustion(path, label):
    """exhaustion.csv, whose numbers are checked."""
    table = read_table(path, ("connector", "resource", "pending"), label)
    for number, row in enumerate(table.rows, 1):
        wrong = wrong_figure(row, EXHAUSTION_FIGURES)
        if wrong:
            raise Unusable(f"{label}: row {number} {wrong}")
    return table
