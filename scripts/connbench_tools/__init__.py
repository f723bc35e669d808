"""What the programs in scripts/ share.

`cmake --install` puts the programs that connbench offers as subcommands, and this package, into libexec/connbench.
There, what a checkout has beside them is elsewhere: results belong to the folder in which the user works.
"""

from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent.parent  # the folder of the programs
ROOT = PROGRAMS.parent  # of a checkout
INSTALLED = PROGRAMS.name == "connbench"
SUBCOMMANDS = (
    "report",
    "compare",
    "regress",
    "exact",
    "history",
    "table",
    "study",
    "export",
)  # bench/companions.cpp has them too

RESULTS = Path("results") if INSTALLED else ROOT / "results"
HERE = Path() if INSTALLED else ROOT  # the repository that is meant, unless another one is named
BUILD = ROOT.parent if INSTALLED else ROOT / "build/release"  # its bin/ has the programs that measure


def command(name):
    """What the user types to start a program of scripts/."""
    return f"connbench {name}" if INSTALLED and name in SUBCOMMANDS else f"scripts/{name}"
