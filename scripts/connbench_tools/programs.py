"""Running connbench and its companion programs, and asking connbench what it knows."""

import contextlib
import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

from .failures import Unusable, run
from .records.files import parse_json

# status is None when the program had to be stopped; said is the last line that it wrote to stderr, else to stdout.
Ended = namedtuple("Ended", "status output said")


def execute(command, environment=None, folder=None, limit=None):
    """Runs a program to its end, or for `limit` seconds. The process ends with this call, even on an interruption."""
    process = subprocess.Popen(
        [str(word) for word in command],
        env=environment,
        cwd=folder,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        output, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return Ended(None, "", "")
    finally:
        end(process)
    lines = (errors.strip() or output.strip()).splitlines()
    return Ended(process.returncode, output, lines[-1] if lines else "")


def end(process):
    """Ends a process that may still run."""
    if process.poll() is not None:
        return
    process.terminate()  # connbench then ends its servers and its lab
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
        return
    process.kill()
    process.wait()


def require_program(path, hint):
    """The path of a program that exists; else Unusable, with a hint how to build it."""
    if not os.access(path, os.X_OK):
        raise Unusable(f"{path} is not there, or is not a program: {hint}")
    return Path(path)


def ask(program, command):
    """The answer of `connbench COMMAND --format json` as a dictionary."""
    ended = execute([program, command, "--format", "json"])
    if ended.status != 0:
        raise Unusable(f"`{program} {command} --format json` ended with {ended.status}: {ended.said}")
    answer = parse_json(ended.output, f"the answer of `{program} {command} --format json`")
    if isinstance(answer, dict):
        return answer
    raise Unusable(f"`{program} {command} --format json` did not answer with a JSON object")


def cpus_flag(program):
    """The flag that keeps client and server on separate processors, as doctor advises; empty on one processor."""
    try:
        cpus = ask(program, "doctor").get("cpus")
    except Unusable:  # a program from before doctor answered in JSON: the flag is only advice
        return []
    if not isinstance(cpus, dict) or not {"client", "server"} <= cpus.keys():
        return []
    # An older program advises processors that are online, whether we may use them or not.
    if not {cpus["client"], cpus["server"]} <= os.sched_getaffinity(0):
        return []
    return ["--cpus", f"client={cpus['client']},server={cpus['server']}"]


def print_cpus_flag():
    """For shell scripts: PYTHONPATH=scripts /usr/bin/python3 -B -m connbench_tools.programs PROGRAM"""
    print(*cpus_flag(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(run("connbench_tools/programs", print_cpus_flag))
