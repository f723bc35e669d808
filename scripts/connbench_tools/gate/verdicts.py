"""How verdicts are reported: a table for the terminal, Markdown for a pull request, verdicts.csv, and an exit
status."""

from ..failures import UNUSABLE
from ..output import one_line
from ..records import verdicts as verdicts_csv
from .judge import IMPROVED, REGRESSED, SAME, UNSTABLE

HEADS = ("benchmark", "metric", "pairs", "effect", "95 % interval", "p", "threshold", "verdict")
FINE, FAILED, UNSURE = 0, 1, 4  # exit statuses, with UNUSABLE
WORST_FIRST = (FAILED, UNUSABLE, UNSURE, FINE)
ORDER = (REGRESSED, UNSTABLE, IMPROVED, SAME)
SIGNS = {REGRESSED: "🔴", UNSTABLE: "🟡", IMPROVED: "🟢", SAME: "⚪"}


def status(rows):
    verdicts = {row.verdict for row in rows}
    return FAILED if REGRESSED in verdicts else UNSURE if UNSTABLE in verdicts else FINE


def worst(*statuses):
    return min(statuses, key=WORST_FIRST.index)


def summary(rows):
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ORDER}
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)


def percent(value):
    """A relative change for people: +1.2%."""
    return "-" if value is None else f"{value:+.1%}"


def _cells(row):
    interval = "-" if row.low is None else f"{percent(row.low)} to {percent(row.high)}"
    p = "-" if row.p is None else "<0.001" if row.p < 0.001 else f"{row.p:.3f}"
    names = one_line(row.benchmark), one_line(row.metric)
    figures = str(row.pairs), percent(row.effect), interval, p, f"{row.threshold:.1%}"
    return (*names, *figures, row.verdict + (f" (across {one_line(row.across)})" if row.across else ""))


def _sorted(rows):
    return sorted(rows, key=lambda row: ORDER.index(row.verdict))


def table(rows):
    """One line per row, changes first; a note stands below its row."""
    cells = [HEADS] + [_cells(row) for row in _sorted(rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADS))]
    lines = [_aligned(cells[0], widths)]
    for row, line in zip(_sorted(rows), cells[1:]):
        lines.append(_aligned(line, widths))
        if row.note:
            lines.append(f"    {one_line(row.note)}")
    return "\n".join(lines) + "\n"


def _aligned(cells, widths):
    names, figures = cells[:2], cells[2:-1]
    padded = [cell.ljust(width) for cell, width in zip(names, widths)]
    padded += [cell.rjust(width) for cell, width in zip(figures, widths[2:])]
    return "  ".join([*padded, cells[-1]])


def markdown(rows, title, notes):
    """Rows that changed or are unstable are visible; the others are folded."""
    shown = [row for row in _sorted(rows) if row.verdict != SAME]
    same = [row for row in rows if row.verdict == SAME]
    lines = [f"### {title}: {summary(rows)}", ""]
    if shown:
        lines += [*_markdown_table(shown), ""]
    if same:
        lines += ["<details><summary>The same</summary>", "", *_markdown_table(same), "", "</details>", ""]
    lines += [f"- {one_line(note)}" for note in notes]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_table(rows):
    lines = ["| " + " | ".join(HEADS) + " |", "| :-- | :-- | --: | --: | --: | --: | --: | :-- |"]
    for row in rows:
        cells = list(_cells(row))
        cells[0] = f"`{cells[0]}`"
        more = [f"across {row.across}" if row.across else "", row.note]
        notes = "".join(f"<br>{one_line(text)}" for text in more if text)
        cells[-1] = f"{SIGNS[row.verdict]} **{row.verdict}**{notes}"
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def write_csv(path, rows):
    across = any(row.across for row in rows)
    values = [_values(row) + ([row.across] if across else []) for row in rows]
    verdicts_csv.write(path, values, ("across",) if across else ())


def _values(row):
    figures = (row.effect, row.low, row.high, row.p, row.threshold)
    texts = ["" if value is None else f"{value:.6g}" for value in figures]
    return [row.benchmark, row.metric, row.pairs, *texts, row.verdict]
