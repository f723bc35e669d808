"""What a file in studies/ says: who claimed what, what is run, and which rule turns the records into a verdict.

Such a file defines STUDY, and nothing else needs to know of it. The rules are code, so they are fixed before anything
is measured.
"""

import shlex
from dataclasses import dataclass, field
from typing import Callable, Optional

LEFT_OUT = "left out of --quick"


@dataclass(frozen=True)
class Source:
    """Where a claim was published. `by`: author or project. `year`: None where it is not known."""

    by: str
    title: str
    year: Optional[int]

    def text(self):
        return f"{self.by}, “{self.title}”{f', {self.year}' if self.year else ''}"


@dataclass(frozen=True)
class Claim:
    """One statement in our own words, with its figures. `judge` gets the records (Finished) and returns a Verdict; it
    may raise Lacking, which makes the claim not testable here.

    `needs_quiet`: it compares the rates of programs with different numbers of threads or processes. Next to other
    programs, the scheduler gives each thread a share of the processor, so who has more threads gets more: that is no
    noise, which repetitions would show, but a bias that they confirm."""

    text: str
    source: Source
    judge: Callable
    needs_quiet: bool = False


@dataclass(frozen=True)
class Step:
    """One run. `command`: the words after `connbench`, or `program NAME ARGUMENT…` for a program in studies/ or beside
    connbench, whose answer (on stdout, JSON) becomes answer.json.

    `{folder}` in it is the folder of the study. `quick`: flags with other values, for --quick; LEFT_OUT skips the step
    there. `rounds`: how many times it is run; steps with several rounds take turns, so that what the machine does
    meanwhile reaches all of them. `beside`: it begins together with the step before it, because both only wait. `then`
    gets the step's folder when it has ended. `if_known`: a flag of `connbench run`, which is left out where connbench
    has none of that name.
    """

    name: str
    command: str
    quick: object = field(default_factory=dict)
    rounds: int = 1
    quick_rounds: Optional[int] = None
    beside: bool = False
    then: Optional[Callable] = None
    if_known: str = ""

    def words(self, is_quick):
        words = shlex.split(self.command)
        if not is_quick:
            return words
        left = dict(self.quick)
        changed = [left.pop(before, word) for before, word in zip([None, *words], words)]
        return [*changed, *(word for pair in left.items() for word in pair)]

    def rounds_of(self, is_quick):
        return self.quick_rounds or self.rounds if is_quick else self.rounds


@dataclass(frozen=True)
class Study:
    """`table` and `chart` get the records (Finished) and return a Table and a Bars or Lines; they may raise Lacking.
    `limits`: what the study cannot show, wherever it runs."""

    question: str
    claims: tuple
    steps: tuple
    table: Callable
    chart: Callable
    limits: tuple = ()


@dataclass(frozen=True)
class Table:
    """Figures as text; the first column names the row."""

    heads: tuple
    lines: list


class Lacking(Exception):
    """A figure that a rule needs was not measured. The message says why."""
