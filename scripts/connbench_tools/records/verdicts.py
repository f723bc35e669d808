"""verdicts.csv: the judgements of scripts/compare and scripts/regress, which scripts/report shows."""

import csv
import io

from ..failures import Unusable
from ..output import write_text
from .tables import read_table

FILE = "verdicts.csv"
COLUMNS = ("benchmark", "metric", "pairs", "effect", "ci_low", "ci_high", "p_value", "threshold", "verdict")
READ = ("benchmark", "metric", "effect", "verdict")  # what a report cannot do without


def read(folders, file=None):
    """The rows of the file, or of the verdicts in the folders."""
    if file and not file.is_file():
        raise Unusable(f"{file}: no such file")
    paths = [file] if file else [path for folder in folders if (path := folder / FILE).exists()]
    return [row for path in paths for row in read_table(path, READ).rows]


def write(path, rows, more=()):
    """Writes rows of values in the order of COLUMNS, and of `more` columns."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow((*COLUMNS, *more))
    writer.writerows(rows)
    write_text(path, text.getvalue())
