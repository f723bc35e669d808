"""When connectors that use all addresses of a host begin their second try: from packets, not from their manuals."""

import ipaddress

from .. import programs
from ..failures import Unusable, say
from ..records.run import Run
from ..records.tables import CASE
from ..records.waves import median
from ..table.cells import NOTHING, table_text
from ..units import counted
from . import packets

QUESTION = "When does each racer try the second address of a host?"
ANSWERS = ("50ms", "150ms", "300ms", "dead")  # of the first address, IPv6; the second, IPv4, answers after E
E = "20ms"


def measure(bin_folder, folder, quick):
    """A run for each racer, one attempt after the other, with a capture beside its folder."""
    program = programs.require_program(bin_folder / "connbench", "scripts/test builds it")
    folder.mkdir(parents=True, exist_ok=True)
    targets = ",".join(map(_target, ANSWERS))
    for name in _racers(program):
        command = [program, "run", "--connector", name, "--target", targets, "--concurrency", "1"]
        command += ["--attempts", "3" if quick else "20", "--repetitions", "1", "--timeout", "1s", "--syscalls", "off"]
        command += ["--pcap", folder / f"{name}.pcap", "--out", folder / name, *programs.cpus_flag(program)]
        say("+ " + " ".join(map(str, command)))
        ended = programs.execute(command)
        if ended.status not in (0, 1):  # 1: an attempt that only waited for the first address
            raise Unusable(f"connbench ended with {ended.status}: {ended.said}")


def _target(answer):
    return f"dual-stack:{answer}~{E}"


def _racers(program):
    """The connectors that this machine has and that may use all addresses of a host."""
    listed = programs.ask(program, "list")["connectors"]
    return [one["name"] for one in listed if (one["capabilities"] or {}).get("uses_all_endpoints")]


def table(folder):
    """A row for each racer; for each answer of the first address, when the second try began, and the result."""
    runs = {path.name: Run(path) for path in sorted(folder.iterdir()) if path.is_dir()}
    if not runs:
        raise Unusable(f"{folder} has no runs")
    heads = ["connector"]
    for answer in ANSWERS:
        away = "IPv6 dead" if answer == "dead" else f"IPv6 {answer[:-2]} ms away"
        heads += [f"{away}: second try after, ms", "connected after, ms"]
    found = {name: _figures(run) for name, run in runs.items()}
    order = sorted(found, key=lambda name: (found[name][ANSWERS[-1]].soonest(), name))
    lines = [[f"`{name}`", *(cell for figures in found[name].values() for cell in figures.cells())] for name in order]
    first = next(iter(runs.values()))
    attempts = counted(max(len(figures.delays) for figures in next(iter(found.values())).values()), "attempt")
    return f"{table_text(heads, lines)}\n\n{first.origin()}; {attempts} in each case."


class Figures:
    """One racer at one target. `delays`: ms from the first SYN of an attempt to that to the other address, or None."""

    def __init__(self, delays, connected_ns):
        self.delays, self.connected_ns = delays, connected_ns

    def _tried(self):
        return [delay for delay in self.delays if delay is not None]

    def soonest(self):
        return min(self._tried(), default=float("inf"))

    def cells(self):
        tried, text = self._tried(), NOTHING
        if tried:
            text = f"{median(tried):.1f} ({min(tried):.1f}–{max(tried):.1f})"
            text += "" if len(tried) == len(self.delays) else f", {len(tried)} of {len(self.delays)}"
        return [text, f"{self.connected_ns / 1e6:.1f}" if self.connected_ns else NOTHING]


def _figures(run):
    """{answer of the first address: Figures}"""
    from ..records.samples import waves_of  # needs numpy, which the other experiments do not

    run.require_complete()
    opened = packets.openings(run.folder.with_name(f"{run.folder.name}.pcap"))
    waves = {dict(zip(CASE, case))["target"]: wave for case, wave in waves_of(run).items()}
    return {
        answer: Figures(
            _delays(waves[_target(answer)], opened, run.facts["origin"]["realtime_ns"]),
            median(waves[_target(answer)].connecting().tolist()),
        )
        for answer in ANSWERS
    }


def _delays(wave, opened, origin_ns):
    """For each attempt of a wave, which follow one another; None: it began no second try in its time."""
    delays = []
    for started, finished in zip(wave.started, wave.finished):
        own = [one for one in opened if started <= one.time_ns - origin_ns <= finished]
        others = [one.time_ns for one in own if _version(one) != _version(own[0])]
        delays.append((others[0] - own[0].time_ns) / 1e6 if others else None)
    return delays


def _version(opening):
    return ipaddress.ip_address(opening.destination.address).version
