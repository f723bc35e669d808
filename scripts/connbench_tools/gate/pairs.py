"""Pairs: both sides measured in alternating turns (suite.TURNS), in an order that a coin decides; and the file of
pairs."""

import csv
import random
import time
from pathlib import Path

from ..failures import Unusable
from ..records.tables import is_number, read_table
from . import coverage, suite
from .runs import require_comparable

NONE = "-"


class Pair:
    """values: {(benchmark, metric): (base, head)}, None where a side had no value. order: AB or BA, the side that
    started first; A is the base."""

    def __init__(self, order, values):
        self.order, self.values = order, values


class Bench:
    """Measures pairs. `notes`: warnings of the runs, and how often each came. `more`: flags for every run in addition
    to those of its load. `required`: connectors that must have a row."""

    def __init__(self, base, head, folder, seed, more=()):
        self.sides, self.folder, self.more = {"A": base, "B": head}, folder, list(more)
        self.coin, self.seconds, self.notes, self.required = random.Random(seed), {}, {}, []
        self.machine, self.commit, self.skipped = "", "", {}  # of the head, once a pair was measured

    def pair(self, loads):
        """Raises Unusable when a side cannot be measured, or is not comparable with the other."""
        order = self.coin.choice(("AB", "BA"))
        measured = {letter: suite.Measured() for letter in order}
        for load in loads:
            # Turn by turn, both sides get the same random arrivals and the same order of waves.
            drawn = [str(self.coin.randrange(2**32)) for _ in suite.TURNS[load]]
            seeds = {letter: iter(drawn) for letter in order}
            for turn in suite.TURNS[load]:
                letter = order["AB".index(turn)]
                more = [*self.more, "--seed", next(seeds[letter])]
                measured[letter].add(load, *suite.measure(self.sides[letter], load, more, self.folder))
        base, head = measured["A"], measured["B"]
        for note in {note for runs in zip(base.runs, head.runs) for note in require_comparable(*runs)}:
            self.notes[note] = self.notes.get(note, 0) + 1
        self.machine, self.commit = head.runs[-1].machine_text, head.runs[-1].commit
        self.skipped |= {where: why for run in head.runs for where, why in run.skipped.items()}
        values, others = base.values(), head.values()
        for load in loads:
            key = f"command/{load}", "wall_time"
            self.seconds[load] = (values[key] + others[key]) / 1e9
        coverage.require_rows(self.required, (name for name, _ in values), self.skipped)
        return Pair(order, {key: (value, others[key]) for key, value in values.items()})

    def frequent_notes(self):
        """The five notes that came most often; many are variations of one."""
        often = sorted(self.notes, key=self.notes.get, reverse=True)
        more = [f"and {len(often) - 5} other warnings of runs"] if len(often) > 5 else []
        return [f"{note} ({self.notes[note]} of the pairs)" for note in often[:5]] + more


class LiveSource:
    """Pairs for the gate, measured on demand and kept in a file. The budget, in seconds, starts now."""

    def __init__(self, bench, loads, file, budget, say):
        self.bench, self.loads, self.file, self.say = bench, loads, file, say
        self.ends, self.taken = time.monotonic() + budget, 0

    def load_of(self, key):
        return self.bench.sides["B"].suite.load_of(key[0])

    def take(self, count, loads):
        pairs = []
        for number in range(count):
            pairs.append(self.bench.pair(loads))
            self.file.append("", pairs[-1])
            self.taken += 1
            self.say(f"pair {number + 1} of {count} ({', '.join(loads)})")
        return pairs

    def time_for(self, more, loads, again, loads_again):
        """Whether `more` pairs, and `again` pairs to confirm the suspects, fit into the rest of the budget."""
        seconds = sum(more * self.bench.seconds[load] for load in loads)
        seconds += sum(again * self.bench.seconds[load] for load in loads_again)
        return time.monotonic() + seconds <= self.ends


class PairsFile:
    """CSV, one row per pair, whole after each: `group` (what was compared), `order`, and two columns for each
    benchmark and metric, named "<benchmark> <metric> base" and "… head". A cell is empty when that was not measured,
    and NONE when it has no figure. Appends to an existing file, which must have the same columns."""

    def __init__(self, path):
        self.path, self.columns = Path(path), None
        if self.path.exists() and self.path.stat().st_size:
            self.columns = read_table(self.path, ("group", "order")).columns

    def append(self, group, pair):
        row = {"group": group, "order": pair.order}
        for (name, metric), values in pair.values.items():
            for side, value in zip(("base", "head"), values):
                row[f"{name} {metric} {side}"] = NONE if value is None else f"{value:.6g}"
        fresh = self.columns is None
        self.columns = self.columns or list(row)
        if not row.keys() <= set(self.columns):
            raise Unusable(f"{self.path} has the pairs of another suite: move it away, or name another --pairs-file")
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns)
            if fresh:
                writer.writeheader()
            writer.writerow(row)


def read(path):
    """{group: [Pair]} of a PairsFile, in the order of measurement. A last row that is cut short is left out."""
    path = Path(path)
    table = read_table(path, ("group", "order"), f"{path} is not a file of pairs: it")
    if table.damage and "cut short" not in table.damage:
        raise Unusable(f"{path} is not a file of pairs: {table.damage}")
    groups = {}
    for number, row in enumerate(table.rows, 1):
        try:
            groups.setdefault(row["group"], []).append(_pair(row))
        except (KeyError, ValueError) as error:
            raise Unusable(f"{path} is not a file of pairs: row {number}: {error}") from error
    return groups


def _pair(row):
    values = {}
    for column, cell in row.items():
        if column.endswith(" base") and cell:
            name, metric, _ = column.split(" ")
            sides = cell, row[f"{name} {metric} head"]
            values[name, metric] = tuple(None if side == NONE else _number(side) for side in sides)
    return Pair(row["order"], values)


def _number(text):
    if not is_number(text):
        raise ValueError(f"'{text}' is not a number")
    return float(text)
