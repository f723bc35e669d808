"""What floor_bench says of memory and threads while attempts are pending (--benchmark_filter=pending_bytes)."""

from collections import namedtuple

from ..failures import Unusable
from .files import read_json

PREFIX = "floor/pending_bytes/"
_SKIPPED = "skipped: "

# skipped: why it could not be measured, else None. Figures are 0 then. bytes_each: of the process; kernel_bytes: of the
# kernel, None from a program that does not measure them.
Pending = namedtuple("Pending", "connector skipped pending threads bytes_each kernel_bytes", defaults=(None,))
KERNEL = ("slab_per_pending", "kernel_stack_per_pending", "page_tables_per_pending")


def connector_of(benchmark):
    """floor/pending_bytes/epoll/iterations:1 -> epoll"""
    return benchmark.removeprefix(PREFIX).partition("/")[0]


def measurements(path):
    """The measurements in floor_bench's JSON output, without means and the like. Google Benchmark writes NaN for the
    variation of a counter that is always 0."""
    entries = read_json(path, "pending", hint=": it is not output of floor_bench", nan_is_null=True)["benchmarks"]
    return [entry for entry in entries if entry.get("run_type", "iteration") == "iteration"]


def read(path):
    """One Pending for each measurement in floor_bench's JSON output."""
    return [_read(entry, path) for entry in measurements(path)]


def has(entry, figures):
    return all(entry.get(name) is not None for name in figures)


def _read(entry, path):
    connector, error = connector_of(entry["name"]), entry.get("error_message", "")
    if error and not error.startswith(_SKIPPED):
        raise Unusable(f"{entry['name']}: {error}")
    if error or entry.get("error_occurred"):
        return Pending(connector, error.removeprefix(_SKIPPED), 0, 0, 0.0)
    if lacking := [key for key in ("pending", "bytes_per_pending") if entry.get(key) is None]:
        raise Unusable(f"{path}: {entry['name']} has no {', '.join(lacking)}: it is not output of floor_bench")
    figures = entry["pending"], entry.get("threads", 0), entry["bytes_per_pending"]
    kernel = sum(float(entry[part]) for part in KERNEL) if has(entry, KERNEL) else None
    return Pending(connector, None, int(figures[0]), int(figures[1] or 0), float(figures[2]), kernel)
