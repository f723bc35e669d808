"""How a script fails: one line on stderr and an exit status that tells failure from result."""

import signal
import sys
import threading
import traceback
from pathlib import Path

from . import INSTALLED, command, known_state
from .environment import forget_git
from .output import one_line, safe_streams

UNUSABLE = 2
INTERRUPTED = 130


class Unusable(Exception):
    """The script cannot do its work with what it was given. The message says why, and what to do. `details`: lines
    below it, such as the end of a log."""

    def __init__(self, message, details=()):
        super().__init__(message)
        self.details = details


def run(name, main, interrupted=""):
    """Calls main() and returns the exit status of a program: what main() returns (None counts as 0), UNUSABLE when
    the input or the machine does not allow the work, INTERRUPTED after Ctrl-C. `interrupted` is said in the last case.

    A reader of stdout that has gone changes no status; a stdout that cannot be written is UNUSABLE.
    """
    known_state.enter()
    forget_git()
    if threading.current_thread() is threading.main_thread():
        interrupt_on_termination()
    with safe_streams():
        try:
            try:
                return main() or 0
            except KeyboardInterrupt:
                for stream in (sys.stdout, sys.stderr):
                    stream.wait_no_more()
                raise
            finally:
                sys.stdout.flush()
        except (Unusable, OSError) as error:
            say(f"{command(name)}: {one_line(error)}")
            for line in getattr(error, "details", ()):
                say(f"  {line}")
        except KeyboardInterrupt:
            if interrupted:
                say(f"{command(name)}: {interrupted}")
            return INTERRUPTED
        except MemoryError:
            say(f"{command(name)}: the memory does not suffice: give it less at once")
        except Exception:  # an exit status of 1 is a result, so that no bug may end with it
            traceback.print_exc()
            say(f"{command(name)}: internal error, no result: this is a bug in the script")
        return UNUSABLE


def say(text):
    print(text, file=sys.stderr, flush=True)


PACKAGES = {"jsonschema": "python3-jsonschema", "yaml": "python3-yaml"}


def exit_without(error):
    """Ends the script because an ImportError says that the interpreter lacks a package of the distribution."""
    package = PACKAGES.get(error.name, f"python3-{error.name}")
    if INSTALLED:
        say(f"connbench {Path(sys.argv[0]).name}: {sys.executable} has no {error.name}: apt-get install {package}")
    else:
        say(
            f"scripts: {sys.executable} has no {error.name}. Install {package} (scripts/setup --dev does), and start "
            "the script by its own name, which selects /usr/bin/python3."
        )
    sys.exit(UNUSABLE)


def interrupt_on_termination():
    """Treats SIGTERM and SIGHUP like Ctrl-C, so that child processes are ended too; but none that the parent ignores
    (nohup)."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if not known_state.ignores(number):
            signal.signal(number, _interrupt)


def _interrupt(number, _):
    raise KeyboardInterrupt(signal.Signals(number).name)
