"""All sections in the order of the page, and the colours of the connectors."""

import json
from pathlib import Path

from ..records.waves import is_harness
from . import distributions, exhaustion, fleet, loads

PALETTE = json.loads((Path(__file__).resolve().parent / "palette.json").read_text(encoding="utf-8"))
MOST_AT_FIRST = 7  # curves of a chart when the page opens: as many as there are colours


def all_sections(material):
    return [
        distributions.latency(material),
        distributions.overshoot(material),
        distributions.added(material),
        loads.scaling(material),
        exhaustion.exhaustion(material),
        fleet.fleet(material),
        loads.open_loop(material),
        loads.timeline(material),
    ]


def colour_order(runs):
    """Names of the measured connectors, in the order of their colours.

    Those in most runs come first, else in the order in which they were given. The harness comes last, because it is not
    a way to connect.
    """
    kept = {run.name: _measured(run) for run in runs}
    measured = set().union(*kept.values())
    order = list(dict.fromkeys(name for run in runs for name in run.connectors_in_order() if name in measured))
    in_runs = {name: sum(name in names for names in kept.values()) for name in order}
    return sorted(order, key=lambda name: (is_harness(name), -in_runs[name], order.index(name)))


def _measured(run):
    return {row["connector"] for row in [*run.rows, *run.exhaustion]}


def shown_at_first(connectors):
    """The connectors that are switched on when the page opens."""
    real = [name for name in connectors if not is_harness(name)]
    return real[:MOST_AT_FIRST] if real else list(connectors)
