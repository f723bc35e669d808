"""The section on exhaustion: ramps until a call is refused, and what happens to healthy connects."""

import errno

from ..units import duration, memory
from . import charts

PENDING = charts.axis("attempts pending", "count", log=True)


def number(text):
    return float(text) if text else None


def ramps(run):
    """Rows of exhaustion.csv by what was exhausted, then by connector and repetition."""
    found = {}
    for row in run.exhaustion:
        what = (row["resource"], row["limit_kind"], row["limit"])
        found.setdefault(what, {}).setdefault((row["connector"], row["repetition"]), []).append(row)
    return found


def stopped_text(last):
    if not last["stopped_call"]:
        return "nothing"
    error = errno.errorcode.get(int(number(last["os_error"]) or 0), last["os_error"])
    return f"{last['stopped_call']}: {error}" if error else last["stopped_call"]


def exhaustion(material):
    views = []
    for run in material.runs:
        for (resource, kind, limit), by_connector in ramps(run).items():
            pending, kib, start = [], [], []
            for (connector, repetition), rows in by_connector.items():
                if repetition not in ("", "1"):
                    continue
                base = {"c": material.number[connector]}
                mark = [[len(rows) - 1, stopped_text(rows[-1])]] if rows[-1]["stopped_call"] else []
                pending.append(base | _positive(_points(rows, "elapsed_ns", "pending", mark)))
                kib.append(base | _grown(_points(rows, "pending", ("rss_kib", "kernel_kib"), mark)))
                start.append(base | _positive(_points(rows, "pending", "start_p99_ns", mark)))
            label = f"{resource} limited to {limit} ({kind})" if limit else f"{resource} ({kind})"
            label = f"{run.name} · {label}" if material.several else label
            data = {"ramp": pending, "ramp-memory": kib, "ramp-start": start}
            note = "The first repetition; ✕ marks the call that was refused. The table below has all repetitions."
            views.append({"label": label, "data": data, "note": note})
    why_not = charts.WhyNot()
    if not views:
        why_not.add("connbench exhaust threads --limit 512 measures it", "No exhaustion was measured")
    drawn = [
        charts.chart(
            "ramp",
            "The ramp",
            "How many attempts to a host that never answers were pending over time; a line that ends in ✕ was stopped "
            "there.",
            "xy",
            charts.axis("since the ramp began", "s"),
            charts.axis("attempts pending", "count", log=True),
        ),
        charts.chart(
            "ramp-memory",
            "Memory of the ramp",
            "How much the resident memory of the process and the memory of the machine's kernel have grown since "
            "the ramp began, by attempts pending; lower is better.",
            "xy",
            PENDING,
            charts.axis("memory grown", "KiB", log=True),
        ),
        charts.chart(
            "ramp-start",
            "Cost of one more",
            "How long it took to start one more attempt (p99 of a step), by attempts pending; a flat line is best.",
            "xy",
            PENDING,
            charts.axis("to start, p99", "ns", log=True),
        ),
    ]
    return charts.section("exhaustion", "Exhaustion", drawn, views, why_not.texts())


def _points(rows, x, y, marks):
    columns = (y,) if isinstance(y, str) else y
    sums = [[number(row[column]) for column in columns] for row in rows]
    kept = [i for i, (row, values) in enumerate(zip(rows, sums)) if row[x] and None not in values]
    at = {row: i for i, row in enumerate(kept)}
    return {
        "x": [number(rows[i][x]) for i in kept],
        "y": [sum(sums[i]) for i in kept],
        "marks": [[at[row], text] for row, text in marks if row in at],
    }


def _grown(curve):
    """The growth since the first step, because the kernel's memory belongs to the whole machine."""
    if curve["y"]:
        curve["y"] = [max(0.0, y - curve["y"][0]) for y in curve["y"]]
    return _positive(curve)


def _positive(curve):
    """Without the points that a logarithmic axis cannot show: before the first step, nothing is pending."""
    kept = [i for i, (x, y) in enumerate(zip(curve["x"], curve["y"])) if x > 0 and y > 0]
    at = {i: place for place, i in enumerate(kept)}
    return {
        "x": [curve["x"][i] for i in kept],
        "y": [curve["y"][i] for i in kept],
        "marks": [[at[i], text] for i, text in curve["marks"] if i in at],
    }


EXHAUSTION_HEAD = (
    "connector",
    "exhausted",
    "pending",
    "stopped by",
    "threads",
    "memory per pending attempt, process + kernel",
    "healthy connects meanwhile, p50 / p99",
    "recovery while pending",
    "recovery after release",
)


def exhaustion_table(material):
    """How each repetition ended, as rows of text."""
    rows = []
    for run in material.runs:
        for (resource, _, limit), by_connector in ramps(run).items():
            ordered = sorted(by_connector.items(), key=lambda ramp: (material.number[ramp[0][0]], ramp[0][1]))
            for (connector, repetition), steps in ordered:
                last = steps[-1]
                several = len({other for _, other in by_connector}) > 1
                rows.append(
                    [
                        connector + (f" ({repetition})" if several else ""),
                        f"{resource}, limit {limit}",
                        last["pending"],
                        stopped_text(last),
                        last["threads"],
                        _each(steps, "rss_kib") + " + " + _each(steps, "kernel_kib"),
                        healthy_text(last),
                        _recovery(last["recovery_pending_ns"], "none while attempts were pending"),
                        _recovery(last["recovery_released_ns"], "none within the time allowed"),
                    ]
                )
    return rows


def _each(steps, column):
    """Memory per pending attempt, from the difference between the first step and the last."""
    first, last = steps[0], steps[-1]
    if not first[column] or not last[column] or number(last["pending"]) == number(first["pending"]):
        return "?"
    grown = number(last[column]) - number(first[column])
    return memory(grown / (number(last["pending"]) - number(first["pending"])))


def healthy_text(last):
    if not last["healthy_p50_ns"]:
        few = last["recovery_pending_ns"]  # when the first of them got through
        return "some connected, too few for a percentile" if few else "none connected in the time available"
    p99 = f" / {duration(number(last['healthy_p99_ns']))}" if last["healthy_p99_ns"] else ""
    return duration(number(last["healthy_p50_ns"])) + p99


def _recovery(text, otherwise):
    return duration(number(text)) if text else otherwise
