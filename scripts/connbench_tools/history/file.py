"""The history's files: CSV without an empty cell, sorted by time. scripts/history is what people call.

A file has the columns that its first run had. What a later run has beside them begins another file, so that nothing is
ever made up for the runs before. Each file is replaced whole; a run is in it once.
"""

import contextlib
import csv
import fcntl
import os
import re
import tempfile

FIRST = ("time", "commit", "branch")
LAST = "machine"


class Refused(Exception):
    """The run cannot be added; the message says why, and what to do."""


def slug(text):
    return re.sub(r"[^a-z0-9.]+", "_", text.lower()).strip("_")


def figures_in(columns):
    return [column for column in columns if column not in FIRST and column != LAST]


class Table:
    """One file."""

    def __init__(self, path, columns=()):
        self.path, self.columns, self.rows, self.changed = path, list(columns), [], False
        if path.exists():
            self._read()

    def _read(self):
        try:
            with open(self.path, newline="", encoding="utf-8") as file:
                self._take(csv.reader(file))
        except (UnicodeDecodeError, csv.Error) as error:
            raise Refused(f"{self.path}: not a history: {error}") from error

    def _take(self, reader):
        self.columns = next(reader, [])
        if tuple(self.columns[:3]) != FIRST or self.columns[-1] != LAST:
            raise Refused(f"{self.path}: not a history (its columns do not begin with {','.join(FIRST)})")
        for cells in reader:
            if len(cells) != len(self.columns) or not all(cells):
                raise Refused(f"{self.path}: line {reader.line_num} is not whole: mend it, or take another --file")
            self.rows.append(dict(zip(self.columns, cells)))

    def has(self, row):
        return any(mine["time"] == row["time"] and mine["commit"] == row["commit"] for mine in self.rows)

    def add(self, row):
        self.rows.append({column: row[column] for column in self.columns})
        self.rows.sort(key=lambda mine: mine["time"])
        self.changed = True

    def write(self):
        """Whole or not at all."""
        with tempfile.NamedTemporaryFile("w", dir=self.path.parent, prefix=self.path.name, delete=False, newline="",
                                         encoding="utf-8") as file:  # fmt: skip
            try:
                writer = csv.DictWriter(file, self.columns)
                writer.writeheader()
                writer.writerows(self.rows)
                file.flush()
                os.fsync(file.fileno())
                os.fchmod(file.fileno(), 0o644)
                os.replace(file.name, self.path)
            except BaseException:
                os.unlink(file.name)
                raise


def beside(path, number):
    return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


def tables_of(path):
    tables = []
    while beside(path, len(tables) + 1).exists():
        tables.append(Table(beside(path, len(tables) + 1)))
    return tables


def retired_path(path):
    number = 1
    while (candidate := path.with_name(f"{path.stem}-retired-{number}{path.suffix}")).exists():
        number += 1
    return candidate


def split_off(table, lacking):
    """What these columns hold goes into a file of its own; a table without figures goes as a whole."""
    kept = [column for column in table.columns if column not in lacking]
    retired = Table(retired_path(table.path), [c for c in table.columns if c in lacking or c in FIRST or c == LAST])
    retired.rows = [{column: row[column] for column in retired.columns} for row in table.rows]
    retired.write()
    table.columns, table.changed = kept, True
    table.rows = [{column: row[column] for column in kept} for row in table.rows]
    return f"{len(lacking)} columns ended, and are kept in {retired.path}: {', '.join(lacking)}"


def expect_one_machine(tables, row):
    for table in tables:
        for mine in table.rows:
            if mine[LAST] != row[LAST]:
                raise Refused(f"{table.path} is of {mine[LAST]}, the run of {row[LAST]}: two machines are no history. "
                              "Take another --file, or '{machine}' in its name")


@contextlib.contextmanager
def alone_in(folder):
    """Two that append at once would each replace what the other has written."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def append(path, row, retire=False):
    try:
        with alone_in(path.parent):
            return append_alone(path, row, retire)
    except OSError as error:
        raise Refused(f"{path} cannot be read or written: {error.strerror}") from error


def append_alone(path, row, retire):
    """@return what was done, line by line. @raise Refused, and nothing is changed"""
    tables = tables_of(path)
    expect_one_machine(tables, row)
    if tables and all(table.has(row) for table in tables):
        raise Refused(f"{path} has this run already (time {row['time']}, commit {row['commit']})")
    told, lacking = [], {table: [c for c in figures_in(table.columns) if c not in row] for table in tables}
    every = [column for columns in lacking.values() for column in columns]
    if every and not retire:
        raise Refused(f"the run lacks columns of {path}: {', '.join(every)}. Measure them too, or end them with --retire")
    for table in tables:
        if lacking[table]:
            told.append(split_off(table, lacking[table]))
        if not table.has(row):
            table.add(row)
    known = {column for table in tables for column in table.columns}
    new = sorted(column for column in figures_in(row) if column not in known)
    if new:
        tables.append(Table(beside(path, len(tables) + 1), [*FIRST, *new, LAST]))
        tables[-1].add(row)
    for table in tables:
        if table.changed:
            table.write()
            told.append(f"{table.path}: run {len(table.rows)}, {len(figures_in(table.columns))} figures")
    return told
