"""samples.csv, plain or compressed, as one array per column and wave: a million rows in seconds, at 42 bytes each."""

import contextlib
import gzip
import io
import itertools
import lzma
import operator
import shutil
import subprocess

from ..failures import Unusable, exit_without
from ..vocabulary import OUTCOMES
from .tables import CASE, require_columns, whole_rows

try:
    import numpy
except ImportError as error:
    exit_without(error)

CHUNK = 20_000  # rows that are held as text at a time
MISSING = numpy.iinfo(numpy.int64).min  # a time that is not known, or of something that did not happen
STAMPS = ("scheduled_ns", "started_ns", "finished_ns", "handshake_ns", "syn_retransmits")
CONNECTED, DEADLINE_EXCEEDED = OUTCOMES.index("connected"), OUTCOMES.index("deadline_exceeded")


class Wave:
    """The attempts of one wave, in the order of the file. Times are in ns since the origin of the run."""

    def __init__(self, stamps, outcome):
        self.scheduled, self.started, self.finished, self.handshake, self.retransmits = stamps
        self.outcome = outcome

    def connecting(self):
        """How long connecting took, in ns, for the attempts that connected."""
        return (self.finished - self.started)[self._timed() & (self.outcome == CONNECTED)]

    def waiting(self):
        """The time from the intended start until connected, in ns: what a user waits."""
        known = self._timed() & (self.outcome == CONNECTED) & (self.scheduled != MISSING)
        return (self.finished - self.scheduled)[known]

    def overshoot(self, timeout_ns):
        """How late attempts timed out, in ns. Negative: before their deadline."""
        return (self.finished - self.started)[self._timed() & (self.outcome == DEADLINE_EXCEEDED)] - timeout_ns

    def added(self):
        """Connecting less the handshake, in ns, where the handshake is known and no SYN was sent twice."""
        known = self._timed() & (self.outcome == CONNECTED) & (self.handshake != MISSING) & (self.retransmits <= 0)
        return (self.finished - self.started - self.handshake)[known]

    def _timed(self):
        return (self.started != MISSING) & (self.finished != MISSING)


def read_waves(path):
    """The waves of a file, by the text of their CASE columns."""
    parts = {}
    with _opened(path) as file:
        rows = whole_rows(file, path)
        header = next(rows, [])
        require_columns(header, (*CASE, *STAMPS, "outcome"), path)
        case = operator.itemgetter(*map(header.index, CASE))
        stamps = [header.index(column) for column in STAMPS]
        outcome = header.index("outcome")
        whole = (row for row in rows if len(row) == len(header))
        while chunk := list(itertools.islice(whole, CHUNK)):
            for key, group in itertools.groupby(chunk, case):
                columns = list(zip(*group))
                parts.setdefault(key, []).append(_numbers(columns, stamps, outcome, path))
    return {key: _joined(pieces) for key, pieces in parts.items()}


def _numbers(columns, stamps, outcome, path):
    try:
        numbers = [numpy.array([int(text) if text else MISSING for text in columns[i]], numpy.int64) for i in stamps]
        return numbers, numpy.array([_CODES[text] for text in columns[outcome]], numpy.int8)
    except (ValueError, OverflowError) as error:
        raise Unusable(f"{path}: {error}") from error
    except KeyError as error:
        raise Unusable(f"{path}: {error} is not an outcome (results/README.md lists them)") from error


_CODES = {name: code for code, name in enumerate(OUTCOMES)}


def _joined(pieces):
    stamps = [numpy.concatenate(column) for column in zip(*(numbers for numbers, _ in pieces))]
    return Wave(stamps, numpy.concatenate([outcome for _, outcome in pieces]))


@contextlib.contextmanager
def _opened(path):
    if path.suffix in (".gz", ".xz"):
        with (gzip if path.suffix == ".gz" else lzma).open(path, "rt", newline="", encoding="utf-8") as file:
            yield file
    elif path.suffix == ".zst":
        program = shutil.which("zstd")
        if not program:
            raise Unusable(f"{path}: zstd is not installed; apt-get install zstd, or decompress the file elsewhere")
        with subprocess.Popen([program, "-dcq", "--", path], stdout=subprocess.PIPE) as process:
            yield io.TextIOWrapper(process.stdout, newline="", encoding="utf-8")
        if process.returncode != 0:
            raise Unusable(f"{path}: zstd ended with {process.returncode}: the file may be damaged")
    else:
        with open(path, newline="", encoding="utf-8") as file:
            yield file
