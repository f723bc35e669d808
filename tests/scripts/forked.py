"""Starts scripts without starting an interpreter: importing numpy and scipy takes longer than what most tests do.

For tests of what a script says, not of how it starts: locales and closed streams need a process of their own.
"""

import contextlib
import importlib
import os
import runpy
import subprocess
import sys
import tempfile
import traceback

from connbench_tools import ROOT
from made_runs import script

_imported = set()


def run(words, cwd=None):
    """Like subprocess.run([scripts/<first word>, …], capture_output=True, text=True), in a child of this process."""
    name, *words = map(str, words)
    if name not in _imported:
        script(name)  # what it imports is there for every child
        if "scipy" in sys.modules:
            importlib.import_module("scipy.stats")  # which scripts import only when they need it
        _imported.add(name)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _become(name, words, cwd, out.fileno(), err.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess([name, *words], status, *said)


def _become(name, words, cwd, out, err):
    status = 70  # of what no script may do: end with an exception
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
        if cwd:
            os.chdir(cwd)
        path = str(ROOT / "scripts" / name)
        sys.argv = [path, *words]
        runpy.run_path(path, run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)
