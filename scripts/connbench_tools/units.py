"""Figures for readers. The page does the same in report/web/format.js."""

import math


def significant(value, digits=3):
    """39943 -> 39,900; 4.7 -> 4.70; never with an exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    shift = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, shift)
    return f"{rounded:,.{max(0, shift)}f}"


def honest_digits(values):
    """How many digits of their median to show: a third one only where the values stay within 10 % of each other."""
    known = sorted(values)
    if not known or known[-1] - known[0] <= 0.1 * abs(known[(len(known) - 1) // 2]):
        return 3
    return 2


def duration(nanoseconds, digits=3):
    size = abs(nanoseconds)
    for unit, factor in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if size >= factor:
            return f"{significant(nanoseconds / factor, digits)} {unit}"
    return f"{nanoseconds:.0f} ns"


def exact_duration(nanoseconds):
    """For a duration that somebody chose: 100 ms, 1.5 s."""
    for unit, factor in (("s", 10**9), ("ms", 10**6), ("µs", 10**3)):
        if nanoseconds >= factor:
            return f"{nanoseconds / factor:g} {unit}"
    return f"{nanoseconds} ns"


def memory(kib):
    return f"{significant(kib / 1024)} MiB" if kib >= 1024 else f"{significant(kib)} KiB"


def family_text(family):
    return {"4": "IPv4", "6": "IPv6", "unix": "UNIX socket"}.get(family, family)


def listed(names, most=4):
    """a, b and 3 others"""
    names = list(names)
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} others"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def counted(count, noun):
    """1 wave, 1,000 waves"""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
