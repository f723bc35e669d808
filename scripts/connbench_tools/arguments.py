"""Types for argparse: text to numbers, as strict as connbench's own conversion (harness/support/quantity.h).

int() and float() accept too much: " 5", "1_000", "٣", "nan", "1e400". Every complaint states the valid range.
"""

import argparse
import re
import sys
from decimal import Decimal
from pathlib import Path

from . import INSTALLED, SUBCOMMANDS, command, described

# ASCII digits without sign, exponent or leading zeros ("010" is 8 to some and 10 to others).
_WHOLE = re.compile(r"0|[1-9][0-9]*")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_DURATION = re.compile(rf"({_DECIMAL.pattern})(min|s)")
_SECONDS = {"s": 1, "min": 60}
_LONGEST = 400  # characters: to convert more takes time that grows with the square, and no range needs it


def parser(name, doc):
    """The parser of a program. `doc`: its docstring, the text above the options; it names programs as in a checkout."""
    if INSTALLED:
        doc = re.sub(rf"\bscripts/({'|'.join(SUBCOMMANDS)})\b", r"connbench \1", doc)
    form = argparse.RawDescriptionHelpFormatter
    return _Parser(prog=command(name), description=doc, formatter_class=form)


class _Parser(argparse.ArgumentParser):
    def parse_args(self, args=None, namespace=None):
        described.answer_instead(self, sys.argv[1:] if args is None else args)
        return super().parse_args(args, namespace)

    def parse_intermixed_args(self, args=None, namespace=None):
        described.answer_instead(self, sys.argv[1:] if args is None else args)
        return super().parse_intermixed_args(args, namespace)


def whole(least, most):
    """The type of a whole number from `least` to `most`."""

    def read(text):
        if len(text) <= _LONGEST and _WHOLE.fullmatch(text) and least <= int(text) <= most:
            return int(text)
        raise _invalid(text, f"a whole number from {least} to {most}")

    return read


def decimal(least, most):
    """The type of a number from `least` to `most`, as a float."""

    def read(text):
        if len(text) <= _LONGEST and _DECIMAL.fullmatch(text) and least <= Decimal(text) <= most:
            return float(text)
        raise _invalid(text, f"a number from {least} to {most}")

    return read


def duration(least, most):
    """The type of a time such as 90s or 3min, from `least` to `most` seconds, as seconds in a float."""

    def read(text):
        found = _DURATION.fullmatch(text) if len(text) <= _LONGEST else None
        if found and least <= Decimal(found[1]) * _SECONDS[found[2]] <= most:
            return float(Decimal(found[1]) * _SECONDS[found[2]])
        raise _invalid(text, f"a time from {_time_text(least)} to {_time_text(most)}, such as 90s or 3min")

    return read


def increasing(least, most):
    """The type of several whole numbers, each above the one before: "20,28,40", as a tuple."""
    one = whole(least, most)

    def read(text):
        numbers = [one(word) for word in text.split(",")]
        if numbers != sorted(set(numbers)):
            raise _invalid(text, "increasing numbers, as in 20,28,40")
        return tuple(numbers)

    return read


def percentiles(text):
    """The type of "50,99,99.9": percentiles as shares, without repetitions."""
    found = tuple(dict.fromkeys(decimal(0, 100)(word) / 100 for word in text.split(",")))
    if all(found):
        return found
    raise _invalid(text, "percentiles above 0 and at most 100, as in 50,99,99.9")


def names(text):
    """The type of a list such as "epoll,poll-pool"."""
    if all(found := text.split(",")):
        return found
    raise _invalid(text, "names, separated by commas")


def text(word):
    """The type of a text that is not empty."""
    if word:
        return word
    raise _invalid(word, "a text that is not empty")


def path(text):
    """The type of a file or folder. Path("") is the current folder, which nobody means when a variable is not set."""
    if text and "\0" not in text:
        return Path(text)
    raise _invalid(text, "the name of a file or folder")


def paths(text):
    """The type of a list of files or folders."""
    return [path(word) for word in text.split(",")]


seed = whole(0, 2**64 - 1)


def _time_text(seconds):
    return f"{seconds // 60}min" if seconds and seconds % 60 == 0 else f"{seconds}s"


def _invalid(text, expected):
    shown = text if len(text) <= 60 else text[:57] + "..."
    return argparse.ArgumentTypeError(f"'{shown}' is not valid: expected {expected}")
