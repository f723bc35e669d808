"""Where it was measured, and everything that a reader must know before believing a figure."""

import json
import re
from html import escape


def notices(runs):
    """What stands above all figures: incomplete runs, failures, too few attempts, two machines."""
    found = []
    for run in runs:
        missing = run.missing()
        if run.facts.get("complete") is not True:
            found.append(f"{run.name} is incomplete: it is still running, or was stopped or killed. What follows is what "
                         f"it had written by then: {f'{missing} is missing' if missing else f'{len(run.all_rows)} waves'}.")  # fmt: skip
        elif missing:
            found.append(f"{run.name} says that it is complete, but {missing} is missing: there is nothing to compare. Was the "
                         "folder copied whole?")  # fmt: skip
        elif not run.all_rows and not run.exhaustion:
            why = "every case was skipped, and the reasons are below" if run.facts["skipped"] else "run.json does not say why"
            found.append(f"{run.name} measured nothing: {why}.")
        for failure in run.facts["failures"]:
            found.append(f"{run.name}: a wave of {failure.get('connector')} on {failure.get('target')} broke "
                         f"({failure.get('failure')}); it is in no figure.")  # fmt: skip
        connected = sum(int(row["connected"]) for row in run.rows)
        given_up = sum(int(row["deadline_exceeded"]) for row in run.rows)
        if run.rows and not connected and not given_up:
            found.append(f"{run.name}: not one attempt connected; the table says how they ended.")
        elif run.rows and not connected and len(runs) == 1:
            found.append(f"{run.name}: not one attempt connected, all or most met their own deadline.")
        measured = {row["connector"] for row in run.rows}
        if len(measured) == 1:
            found.append(f"{run.name} has one way to connect only ({measured.pop()}): nothing to compare it with.")
    machines = {_machine(run.facts.get("environment", {})) for run in runs}
    if len(machines) > 1:
        those = "; ".join(sorted(machines))
        found.append(f"The runs are not of one build on one machine, so compare only within each: {those}")
    elif len(runs) > 1:
        found.append("Compare within one run: a machine drifts between runs, by a factor of two within minutes.")
    return found


def _machine(environment):
    cpu, kernel, build = (environment.get(key, {}) for key in ("cpu", "kernel", "build"))
    processors = f"{len(cpu.get('online', []))} × {cpu.get('model', '?')}"
    return f"{processors}, Linux {kernel.get('release', '?')}, commit {build.get('git_commit', '?')}"


def machine_html(runs):
    machines = list(dict.fromkeys(_machine(run.facts.get("environment", {})) for run in runs))
    parts = [f"<p>{escape('; '.join(machines))}</p>"]
    warnings = [(run.name, text) for run in runs for text in run.facts["warnings"]]
    parts.append(_warnings(warnings))
    skips = {}
    for run in runs:
        for skip in run.facts["skipped"]:
            remedy = f" Remedy: {skip['remedy']}" if skip.get("remedy") else ""
            reason = f"{skip.get('connector')}: {skip.get('reason')}.{remedy}".replace("..", ".")
            skips.setdefault(reason, []).append(f"{skip.get('target')}, {skip.get('concurrency')} in flight")
    skipped = [f"{reason} ({'; '.join(dict.fromkeys(where))})" for reason, where in skips.items()]
    parts.append(_list("Skipped", skipped, "Nothing was skipped."))
    for run in runs:
        facts = {key: run.facts.get(key) for key in ("command_line", "seed", "network", "repetitions", "samples", "lab")}
        facts |= run.facts.get("environment", {}) | {"after": run.facts.get("environment_after")}
        rows = "".join(f"<tr><th scope=row>{escape(key)}</th><td>{escape(text)}</td></tr>" for key, text in _flat("", facts))
        parts.append(f"<details><summary>{escape(run.name)}: command line, machine, limits, sysctls</summary>"
                     f"<div class=scroll tabindex=0><table class=facts>{rows}</table></div></details>")  # fmt: skip
    return "".join(parts)


def _warnings(warnings):
    """Those that say the same of other cases, or with another number, are folded under the first of them."""
    if not warnings:
        return "<h3>Warnings</h3><p>The runs have no warnings.</p>"
    alike = {}
    for name, text in warnings:
        said = text.partition(": ")[2] or text
        alike.setdefault(re.sub(r"\d+", "0", said), []).append(escape(f"{name}: {text}"))
    items = []
    for first, *others in alike.values():
        more = "".join(f"<li>{text}</li>" for text in others)
        fold = f"<details><summary>{len(others)} more say so of other cases</summary><ul>{more}</ul></details>"
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
        yield prefix, "not known" if value is None else value if isinstance(value, str) else json.dumps(value)
