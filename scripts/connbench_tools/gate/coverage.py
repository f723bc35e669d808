"""What a verdict covers: which connectors were judged on which targets, and what nobody looked at."""

from ..failures import Unusable
from ..units import listed

NOT_JUDGED = "other targets, families and loads than these; tails (p90, p99); memory over time"


def require_rows(names, rows, skipped):
    """Unusable when a connector that the user named has no row: its regression would pass. `rows`: benchmarks;
    `skipped`: {(connector, target): reason}."""
    measured = {row.split("/")[0] for row in rows}
    for name in names:
        if name not in measured and not ("+" in name and any(_same_base(name, other) for other in measured)):
            reasons = sorted({why for (connector, _), why in skipped.items() if _same_base(name, connector)})
            why = "; ".join(reasons) or "no load measured it"
            raise Unusable(f"--connector {name}: this connector has no figure, so nothing would be judged: {why}")


def _same_base(name, other):
    """Whether both are one connector; a record has its options in another spelling than the user."""
    return name.partition("+")[0] == other.partition("+")[0]


def notes(rows):
    """Lines for the reader. `rows`: with verdicts."""
    metrics = {}  # of each connector and target
    for row in rows:
        first, second, *_ = [*row.benchmark.split("/"), ""]
        if first != "command":
            metrics.setdefault((first, second), []).append(row.metric)
    alike = {}  # {(target, metrics): connectors}
    for (connector, target), found in metrics.items():
        alike.setdefault((target, tuple(dict.fromkeys(found))), []).append(connector)
    judged = [
        f"{listed(dict.fromkeys(connectors), most=99)} on {target} ({', '.join(found)})"
        for (target, found), connectors in alike.items()
    ]
    return [f"judged: {'; '.join(judged)}", f"not judged: {NOT_JUDGED}"]
