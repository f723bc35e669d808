"""The machine, and everything that a reader must know before trusting a figure."""

import json
import re
from html import escape

from ..units import counted
from .hosts import hosts_html, lost_hosts
from .scrolling import scrolling


def notices(runs):
    """The notices above all figures: incomplete runs, failed waves, nothing connected, a disturbed machine, several
    machines."""
    found = [text for run in runs for text in _notices_of(run, alone=len(runs) == 1)]
    found += [f"{run.name}: the machine was not fit to measure: {reason}" for run in runs for reason in run.unfit()]
    origins = {run.origin() for run in runs}
    if len(origins) > 1:
        listed = "; ".join(sorted(origins))
        found.append(f"The runs come from several builds or machines. Compare only within each of them: {listed}")
    elif len(runs) > 1:
        found.append("Compare within one run: the speed of a machine drifts, by a factor of two within minutes.")
    return found


def _notices_of(run, alone):
    return [*_incomplete(run), *lost_hosts(run), *_failed(run), *_empty(run, alone)]


def _incomplete(run):
    missing = run.missing()
    if run.facts.get("complete") is not True:
        there = f"{missing} is missing" if missing else counted(len(run.all_rows), "wave")
        yield (
            f"{run.name} is incomplete: it is still running, or was stopped or killed. This page shows what it had "
            f"written by then: {there}."
        )
    elif missing:
        yield (
            f"run.json says that {run.name} is complete, but {missing} is missing, so there is nothing to compare. "
            "Perhaps not all files were copied."
        )
    elif not run.all_rows and not run.exhaustion:
        known = "every case was skipped; the reasons are below"
        yield f"{run.name} measured nothing: {known if run.facts['skipped'] else 'run.json gives no reason'}."


def _failed(run):
    for failure in run.facts["failures"]:
        case = f"{failure.get('connector')} on {failure.get('target')}"
        yield f"{run.name}: a wave of {case} failed ({failure.get('failure')}); no figure includes it."


def _empty(run, alone):
    connected = any(int(row["connected"]) for row in run.rows)
    if run.rows and not connected:
        timed_out = any(int(row["deadline_exceeded"]) for row in run.rows)
        if not timed_out:
            yield f"{run.name}: no attempt connected. The table shows how the attempts ended."
        elif alone:
            yield f"{run.name}: no attempt connected. All or most of them timed out."
    measured = {row["connector"] for row in run.rows}
    if len(measured) == 1:
        yield f"{run.name} measured only one connector ({measured.pop()}), so there is nothing to compare it with."


def machine_html(runs):
    machines = list(dict.fromkeys(run.origin() for run in runs))
    parts = [f"<p>{escape('; '.join(machines))}</p>", hosts_html(runs)]
    parts.append(_warnings([(run.name, text) for run in runs for text in run.facts["warnings"]]))
    parts.append(_list("Skipped", _skipped(runs), "Nothing was skipped."))
    parts += map(_facts, runs)
    return "".join(parts)


def _skipped(runs):
    """Skips with the same reason share a line."""
    skips = {}
    for run in runs:
        for skip in run.skips():
            remedy = f" Remedy: {skip['remedy']}" if skip["remedy"] else ""
            reason = f"{skip['connector']}: {skip['reason']}.{remedy}".replace("..", ".")
            skips.setdefault(reason, []).append(f"{skip['target']}, {skip['concurrency']} in flight")
    return [f"{reason} ({'; '.join(dict.fromkeys(where))})" for reason, where in skips.items()]


def _facts(run):
    facts = {key: run.facts.get(key) for key in ("command_line", "seed", "network", "repetitions", "samples", "lab")}
    facts |= run.facts["environment"] | {"after": run.facts.get("environment_after"), "fitness": run.facts["fitness"]}
    rows = "".join(
        f"<tr><th scope=row>{escape(key)}</th><td>{escape(text)}</td></tr>" for key, text in _flat("", facts)
    )
    return (
        f"<details><summary>{escape(run.name)}: command line, machine, limits, sysctls</summary>"
        f"{scrolling(f'<table class=facts>{rows}</table>', 'Table of facts')}</details>"
    )


def _warnings(warnings):
    """Warnings that differ only in the case or in a number are folded under the first of them."""
    if not warnings:
        return "<h3>Warnings</h3><p>No warnings.</p>"
    alike = {}
    for name, text in warnings:
        said = text.partition(": ")[2] or text
        alike.setdefault(re.sub(r"\d+", "0", said), []).append(escape(f"{name}: {text}"))
    items = []
    for first, *others in alike.values():
        more = "".join(f"<li>{text}</li>" for text in others)
        fold = f"<details><summary>{counted(len(others), 'similar warning')}</summary><ul>{more}</ul></details>"
        items.append(f"<li>{first}{fold if others else ''}</li>")
    return f"<h3>Warnings ({len(warnings)})</h3><ul>{''.join(items)}</ul>"


def _list(head, texts, otherwise):
    if not texts:
        return f"<h3>{escape(head)}</h3><p>{escape(otherwise)}</p>"
    return f"<h3>{escape(head)}</h3><ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def _flat(prefix, value):
    """{"cpu": {"model": "x"}} -> cpu.model = x"""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), inner)
    elif isinstance(value, list):
        yield prefix, " ".join(item if isinstance(item, str) else json.dumps(item) for item in value)
    else:
        yield prefix, "unknown" if value is None else value if isinstance(value, str) else json.dumps(value)
