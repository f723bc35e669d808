"""The files of a history: CSV without empty cells, sorted by time.

A file has the columns of its first run. New columns of a later run go into another file, so that no value is invented
for earlier runs. Each file is replaced as a whole, and contains a run once.
"""

import contextlib
import csv
import fcntl
import os
import tempfile

from ..failures import Unusable
from ..records.tables import read_whole
from .row import MACHINE

FIRST = ("time", "commit", "branch")
LAST = MACHINE


def figures_in(columns):
    return [column for column in columns if column not in FIRST and column != LAST]


class Table:
    """One file."""

    def __init__(self, path, columns=()):
        self.path, self.columns, self.rows, self.changed = path, list(columns), [], False
        if path.exists():
            self._read()

    def _read(self):
        columns, rows = read_whole(self.path, f"{self.path} is not a history: it")
        if tuple(columns[:3]) != FIRST or columns[-1] != LAST:
            raise Unusable(f"{self.path} is not a history (its columns do not begin with {','.join(FIRST)})")
        self.columns = columns
        for number, cells in enumerate(rows, 2):
            if len(cells) != len(self.columns) or not all(cells):
                raise Unusable(f"{self.path}: line {number} is incomplete: repair it, or choose another --file")
            self.rows.append(dict(zip(self.columns, cells)))

    def has(self, row):
        return any(mine["time"] == row["time"] and mine["commit"] == row["commit"] for mine in self.rows)

    def add(self, row):
        self.rows.append({column: row[column] for column in self.columns})
        self.rows.sort(key=lambda mine: mine["time"])
        self.changed = True

    def write(self):
        """Replaces the file as a whole, or leaves it as it was."""
        with tempfile.NamedTemporaryFile(
            "w", dir=self.path.parent, prefix=self.path.name, delete=False, newline="", encoding="utf-8"
        ) as file:
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
    """Moves columns from a table into a file of their own. Returns a line that says so."""
    kept = [column for column in table.columns if column not in lacking]
    retired = Table(retired_path(table.path), [c for c in table.columns if c in lacking or c in FIRST or c == LAST])
    retired.rows = [{column: row[column] for column in retired.columns} for row in table.rows]
    retired.write()
    table.columns, table.changed = kept, True
    table.rows = [{column: row[column] for column in kept} for row in table.rows]
    return f"{len(lacking)} columns ended; their values are kept in {retired.path}: {', '.join(lacking)}"


def require_one_machine(tables, row):
    for table in tables:
        for mine in table.rows:
            if mine[LAST] != row[LAST]:
                raise Unusable(
                    f"{table.path} belongs to {mine[LAST]}, the run to {row[LAST]}: a history has one machine. "
                    "Choose another --file, or one with '{machine}' in its name"
                )


@contextlib.contextmanager
def alone_in(folder):
    """Locks the folder: two processes that append at once would each replace what the other has written."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def append(path, row, retire=False):
    """Adds a run. Returns a line for each thing that was done. Raises Unusable when nothing was changed."""
    try:
        with alone_in(path.parent):
            return append_alone(path, row, retire)
    except OSError as error:
        raise Unusable(f"{path} cannot be read or written: {error.strerror}") from error


def append_alone(path, row, retire):
    tables = tables_of(path)
    require_one_machine(tables, row)
    if tables and all(table.has(row) for table in tables):
        raise Unusable(f"{path} has this run already (time {row['time']}, commit {row['commit']})")
    done, lacking = [], {table: [c for c in figures_in(table.columns) if c not in row] for table in tables}
    every = [column for columns in lacking.values() for column in columns]
    if every and not retire:
        raise Unusable(
            f"the run lacks columns of {path}: {', '.join(every)}. Measure these too, or end them with --retire"
        )
    for table in tables:
        if lacking[table]:
            done.append(split_off(table, lacking[table]))
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
            done.append(f"{table.path}: run {len(table.rows)}, {len(figures_in(table.columns))} figures")
    return done
