"""The formats. Each function makes the whole text of an export."""

import csv
import io
import json

from .series import labels, percentile, rank

UNIT = 1e9  # ns in a second


def as_csv(lines, series, shares, run):
    """One row per figure, with a column per percentile, in ns."""
    text = io.StringIO()
    names = list(labels(lines[0])) if lines else []
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*names, "figure", "attempts", "values", *(f"p{_percent(share)}_ns" for share in shares)])
    for one in series:
        found = [percentile(one, share) for share in shares]
        cells = ["" if value is None else f"{value:.0f}" for value in found]
        writer.writerow([*labels(one.line).values(), one.figure.name, one.of, len(one.values), *cells])
    return text.getvalue()


def as_json(lines, series, shares, run):
    """An object per connector and load."""
    cases = {id(line): labels(line) | {"attempts": line.attempts, "outcomes": _outcomes(line)} for line in lines}
    for one in series:
        points = {f"p{_percent(share)}_ns": percentile(one, share) for share in shares}
        kept = {"attempts": one.of, "values": len(one.values), "percentiles": points}
        cases[id(one.line)].setdefault("figures", {})[one.figure.name] = kept
    document = {"run_id": run.facts.get("run_id"), "machine": run.machine(), "commit": run.commit()}
    return json.dumps(document | {"cases": list(cases.values())}, indent=2, ensure_ascii=False) + "\n"


def as_openmetrics(lines, series, shares, run):
    """Summaries in seconds, and a counter of outcomes (OpenMetrics 1.0)."""
    rows = []
    for figure in dict.fromkeys(one.figure for one in series):
        name = f"connbench_{figure.name}_seconds"
        rows += [f"# TYPE {name} summary", f"# UNIT {name} seconds", f"# HELP {name} Time {_escaped(figure.explains)}."]
        for one in (one for one in series if one.figure is figure):
            named = labels(one.line)
            for share in shares:
                if (value := percentile(one, share)) is not None:
                    rows.append(f"{name}{_labelled(named | {'quantile': f'{share:g}'})} {value / UNIT:.9g}")
            rows.append(f"{name}_count{_labelled(named)} {len(one.values)}")
            rows.append(f"{name}_sum{_labelled(named)} {float(one.values.sum()) / UNIT:.9g}")
    rows += ["# TYPE connbench_attempts counter", "# HELP connbench_attempts Attempts by their outcome."]
    for line in lines:
        for outcome, count in _outcomes(line).items():
            rows.append(f"connbench_attempts_total{_labelled(labels(line) | {'outcome': outcome})} {count}")
    return "\n".join([*rows, "# EOF"]) + "\n"


def as_hdr(lines, series, shares, run):
    """The percentile distributions that HdrHistogram prints, in µs, one after the other; their plotters read each."""
    parts = []
    for one in series:
        named = " ".join(f"{name}={value}" for name, value in labels(one.line).items())
        rows = [
            f"#[{one.figure.name}: {named}]",
            f"{'Value':>12} {'Percentile':>14} {'TotalCount':>10} 1/(1-Percentile)",
            "",
        ]
        for share in shares:
            if (value := percentile(one, share)) is not None:
                beyond = f"{1 / (1 - share):17.2f}" if share < 1 else f"{'inf':>17}"
                rows.append(f"{value / 1000:12.3f} {share:14.12f} {rank(share, one.of):10d} {beyond}")
        values = one.values / 1000
        rows.append(f"#[Mean    = {values.mean():12.3f}, StdDeviation   = {values.std():12.3f}]")
        rows.append(f"#[Max     = {values[-1]:12.3f}, Total count    = {len(values):12d}]")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


FORMATS = {"hdr": as_hdr, "openmetrics": as_openmetrics, "csv": as_csv, "json": as_json}


def _percent(share):
    return f"{100 * share:.10g}"


def _outcomes(line):
    return {name: count for name, count in line.outcomes.items() if count}


def _escaped(text):
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _labelled(named):
    return "{" + ",".join(f'{name}="{_escaped(str(value))}"' for name, value in named.items()) + "}"
