"""How verdicts are told: a table for people, Markdown for a pull request, CSV for programs, and an exit status."""

import csv

from gate_judge import IMPROVED, REGRESSED, SAME, UNSTABLE

COLUMNS = ("benchmark", "metric", "pairs", "effect", "ci_low", "ci_high", "p_value", "threshold", "verdict")
HEADS = ("benchmark", "metric", "pairs", "effect", "95 % interval", "p", "threshold", "verdict")
FINE, FAILED, UNUSABLE, UNSURE = 0, 1, 2, 4
ORDER = (REGRESSED, UNSTABLE, IMPROVED, SAME)
SIGNS = {REGRESSED: "🔴", UNSTABLE: "🟡", IMPROVED: "🟢", SAME: "⚪"}


def status(rows):
    verdicts = {row.verdict for row in rows}
    return FAILED if REGRESSED in verdicts else UNSURE if UNSTABLE in verdicts else FINE


def summary(rows):
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ORDER}
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)


def _percent(value):
    return "-" if value is None else f"{value:+.1%}"


def _cells(row):
    interval = "-" if row.low is None else f"{_percent(row.low)} to {_percent(row.high)}"
    p = "-" if row.p is None else "<0.001" if row.p < 0.001 else f"{row.p:.3f}"
    return (row.benchmark, row.metric, str(row.pairs), _percent(row.effect), interval, p, f"{row.threshold:.1%}",
            row.verdict)  # fmt: skip


def _sorted(rows):
    return sorted(rows, key=lambda row: ORDER.index(row.verdict))


def table(rows):
    """Changes first; a line per row, and below it what there is to say of it."""
    cells = [HEADS] + [_cells(row) for row in _sorted(rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADS))]
    lines = [_aligned(cells[0], widths)]
    for row, line in zip(_sorted(rows), cells[1:]):
        lines.append(_aligned(line, widths))
        if row.note:
            lines.append(f"    {row.note}")
    return "\n".join(lines) + "\n"


def _aligned(cells, widths):
    names, figures = cells[:2], cells[2:-1]
    padded = [cell.ljust(width) for cell, width in zip(names, widths)]
    padded += [cell.rjust(width) for cell, width in zip(figures, widths[2:])]
    return "  ".join([*padded, cells[-1]])


def markdown(rows, title, notes):
    """The rows that changed or are unsure in sight, the same ones folded away."""
    told = [row for row in _sorted(rows) if row.verdict != SAME]
    same = [row for row in rows if row.verdict == SAME]
    lines = [f"### {title}: {summary(rows)}", ""]
    if told:
        lines += [*_markdown_table(told), ""]
    if same:
        lines += ["<details><summary>The same</summary>", "", *_markdown_table(same), "", "</details>", ""]
    lines += [f"- {note}" for note in notes]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_table(rows):
    lines = ["| " + " | ".join(HEADS) + " |", "| :-- | :-- | --: | --: | --: | --: | --: | :-- |"]
    for row in rows:
        cells = list(_cells(row))
        cells[0] = f"`{cells[0]}`"
        cells[-1] = f"{SIGNS[row.verdict]} **{row.verdict}**" + (f"<br>{row.note}" if row.note else "")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def write_csv(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows:
            values = (row.effect, row.low, row.high, row.p, row.threshold)
            figures = ["" if value is None else f"{value:.6g}" for value in values]
            writer.writerow([row.benchmark, row.metric, row.pairs, *figures, row.verdict])
