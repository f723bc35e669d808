"""How a script fails: one line on stderr and an exit status that tells failure from result."""

import signal
import sys
import traceback

UNUSABLE = 2
INTERRUPTED = 130


class Unusable(Exception):
    """The script cannot do its work with what it was given. The message says why, and what to do."""


def run(name, main, unusable=UNUSABLE, interrupted=""):
    """Calls main() and returns the exit status of scripts/NAME: what main() returns (None counts as 0), `unusable` when
    the input or the machine does not allow the work, INTERRUPTED after Ctrl-C. `interrupted` is said in the last case.
    """
    try:
        return main() or 0
    except (Unusable, OSError) as error:
        say(f"scripts/{name}: {error}")
    except KeyboardInterrupt:
        if interrupted:
            say(f"scripts/{name}: {interrupted}")
        return INTERRUPTED
    except Exception:  # an exit status of 1 is a result, so that no bug may end with it
        traceback.print_exc()
        say(f"scripts/{name}: internal error, no result: this is a bug in the script")
    return unusable


def say(text):
    print(text, file=sys.stderr, flush=True)


def exit_without(error):
    """Ends the script because an ImportError says that the interpreter lacks a package of the distribution."""
    say(
        f"scripts: {sys.executable} has no {error.name}. Install python3-numpy and python3-scipy (scripts/setup "
        f"does), and "
        "start the script by its own name, which selects /usr/bin/python3."
    )
    sys.exit(UNUSABLE)


def interrupt_on_termination():
    """Treats SIGTERM and SIGHUP like Ctrl-C, so that child processes are ended too."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)


def _interrupt(number, _):
    raise KeyboardInterrupt(signal.Signals(number).name)
