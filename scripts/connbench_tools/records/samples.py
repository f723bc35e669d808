"""samples.csv, plain or compressed, as one array per column and wave: a million rows in seconds, at 50 bytes each."""

import contextlib
import gzip
import itertools
import lzma
import operator
import shutil
import subprocess
import tempfile

from ..failures import Unusable, exit_without
from ..vocabulary import OUTCOMES
from .files import opened
from .tables import CASE, case_of, require_columns, text_of, whole_rows
from .waves import is_fleet

try:
    import numpy
except ImportError as error:
    exit_without(error)

CHUNK = 20_000  # rows that are held as text at a time
MOST_ROWS = 100_000_000  # 4 GB in memory
LATEST = 2**61  # ns; a difference of two such times still fits into 64 bits
MISSING = numpy.iinfo(numpy.int64).min  # a time that is not known, or of something that did not happen
# What zstd says when its input ends within a frame, or within the four bytes that begin one. connbench writes whole
# frames, so that a kill leaves such a file: what came before is good, as in a plain file with half a row at its end.
CUT_SHORT = ("premature end", "unexpected end of file", "unknown header")
STAMPS = ("scheduled_ns", "started_ns", "finished_ns", "reaped_ns", "handshake_ns", "syn_retransmits")
CONNECTED, DEADLINE_EXCEEDED = OUTCOMES.index("connected"), OUTCOMES.index("deadline_exceeded")


class Wave:
    """The attempts of one wave, in the order of the file. Times are in ns since the origin of the run."""

    def __init__(self, stamps, outcome):
        self.scheduled, self.started, self.finished, self.reaped, self.handshake, self.retransmits = stamps
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

    def reaped_overshoot(self, timeout_ns):
        """The same, until the caller had received them."""
        known = self._timed() & (self.outcome == DEADLINE_EXCEEDED) & (self.reaped != MISSING)
        return (self.reaped - self.started)[known] - timeout_ns

    def added(self):
        """Connecting less the handshake, in ns, where the handshake is known and no SYN was sent twice."""
        known = self._timed() & (self.outcome == CONNECTED) & (self.handshake != MISSING) & (self.retransmits <= 0)
        return (self.finished - self.started - self.handshake)[known]

    def _timed(self):
        return (self.started != MISSING) & (self.finished != MISSING)


def attempts_by_case(run):
    """How many samples each wave of a run should have. A fleet's attempts belong to its targets."""
    wanted = {}
    for row in run.rows:
        if not is_fleet(row["target"]):
            wanted[case_of(row)] = wanted.get(case_of(row), 0) + int(row["attempts"])
    return wanted


def waves_of(run):
    """{case: Wave} of a run; empty when it has no samples."""
    path = run.samples_file()
    return read_waves(path, attempts_by_case(run)) if path else {}


def read_waves(path, wanted):
    """The waves of a file that are in `wanted`, by the text of their CASE columns. `wanted`: {case: its attempts}; more
    rows than that are left out, so that a damaged or malicious file does not fill the memory."""
    parts, left = {}, dict(wanted)
    with _opened(path) as file:
        rows = whole_rows(file, path)
        header = next(rows, [])
        require_columns(header, (*CASE, *STAMPS, "outcome"), path)
        case = operator.itemgetter(*map(header.index, CASE))
        stamps = [header.index(column) for column in STAMPS]
        outcome = header.index("outcome")
        whole = (row for row in rows if len(row) == len(header))
        read = 0
        while chunk := list(itertools.islice(whole, CHUNK)):
            read += len(chunk)
            if read > MOST_ROWS:
                raise Unusable(f"{path} has more than {MOST_ROWS:,} rows: report fewer waves at once")
            for key, group in itertools.groupby(chunk, case):
                group = list(group)[: left.get(key, 0)]
                if group:
                    left[key] -= len(group)
                    parts.setdefault(key, []).append(_numbers(list(zip(*group)), stamps, outcome, path))
    return {key: _joined(pieces) for key, pieces in parts.items()}


def _numbers(columns, stamps, outcome, path):
    try:
        numbers = [numpy.array([int(text) if text else MISSING for text in columns[i]], numpy.int64) for i in stamps]
        outcomes = numpy.array([_CODES[text] for text in columns[outcome]], numpy.int8)
    except (ValueError, OverflowError) as error:
        raise Unusable(f"{path}: {error}") from error
    except KeyError as error:
        raise Unusable(f"{path}: {error} is not an outcome (results/README.md lists them)") from error
    for column, values in zip(STAMPS, numbers):
        if values.max() > LATEST or values[values != MISSING].min(initial=0) < -LATEST:
            raise Unusable(f"{path}: a value of {column} is out of range")
    return numbers, outcomes


_CODES = {name: code for code, name in enumerate(OUTCOMES)}


def _joined(pieces):
    stamps = [numpy.concatenate(column) for column in zip(*(numbers for numbers, _ in pieces))]
    return Wave(stamps, numpy.concatenate([outcome for _, outcome in pieces]))


@contextlib.contextmanager
def _opened(path):
    with opened(path) as file:
        if path.suffix in (".gz", ".xz"):
            with (gzip if path.suffix == ".gz" else lzma).open(file) as unpacked:
                with text_of(unpacked) as text:
                    yield text
        elif path.suffix == ".zst":
            with _unpacked_by_zstd(file, path) as unpacked, text_of(unpacked) as text:
                yield text
        else:
            with text_of(file) as text:
                yield text


@contextlib.contextmanager
def _unpacked_by_zstd(file, path):
    program = shutil.which("zstd")
    if not program:
        raise Unusable(f"{path}: zstd is not installed; apt-get install zstd, or decompress the file elsewhere")
    with tempfile.TemporaryFile() as messages:
        with subprocess.Popen([program, "-dcq"], stdin=file, stdout=subprocess.PIPE, stderr=messages) as process:
            yield process.stdout
        messages.seek(0)
        said = messages.read(1000).decode(errors="replace")
    if process.returncode != 0 and not any(words in said for words in CUT_SHORT):
        raise Unusable(f"{path}: zstd ended with {process.returncode}: the file may be damaged")
