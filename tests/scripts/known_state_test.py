"""Scripts whose parent left them in an unusual state.

tests/robustness runs every script in every such state; here is what a state must do, or not do.
"""

import os
import signal
import subprocess
import sys
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent.parent / "scripts"


def program(body):
    """The command that runs a script with this body of main()."""
    lines = "\n    ".join(body.strip().splitlines())
    return [
        *(sys.executable, "-B", "-c"),
        f"""
import os, signal, sys
from connbench_tools import failures, programs
def main():
    {lines}
failures.interrupt_on_termination()
sys.exit(failures.run("test", main))
""",
    ]


ENVIRONMENT = dict(os.environ, PYTHONPATH=str(SCRIPTS))


def script(body, inherit):
    """Runs it to its end in a process that `inherit` has prepared."""
    return subprocess.run(program(body), preexec_fn=inherit, env=ENVIRONMENT, capture_output=True, text=True)


def ignoring(number):
    return lambda: signal.signal(number, signal.SIG_IGN)


def blocking_all():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


class KnownState(unittest.TestCase):
    def test_ignored_sigchld_does_not_hide_how_a_program_ended(self):
        ended = script("return programs.execute(['false']).status", ignoring(signal.SIGCHLD))
        self.assertEqual(ended.returncode, 1, ended.stderr)
        ended = script("print(programs.execute(['sh', '-c', 'kill -SEGV $$']).status)", ignoring(signal.SIGCHLD))
        self.assertEqual(ended.stdout.strip(), str(-signal.SIGSEGV), ended.stderr)

    def test_blocked_signals_reach_it(self):
        ended = script("os.kill(os.getpid(), signal.SIGTERM)", blocking_all)
        self.assertEqual(ended.returncode, 130, ended.stderr)

    def test_nohup_and_a_shell_in_the_background_are_not_undone(self):
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            ended = script(f"os.kill(os.getpid(), {int(number)})\nprint('alive')", ignoring(number))
            self.assertEqual((ended.returncode, ended.stdout), (0, "alive\n"), number)

    def test_a_request_to_end_ends_it(self):
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            ended = script(f"os.kill(os.getpid(), {int(number)})\nprint('alive')", lambda: None)
            self.assertEqual((ended.returncode, ended.stdout), (130, ""), number)

    def test_a_signal_for_the_program_before_is_dropped(self):
        def inherit():
            blocking_all()
            os.kill(os.getpid(), signal.SIGUSR1)

        self.assertEqual(script("print('alive')", inherit).stdout, "alive\n")

    def test_what_is_meant_for_a_closed_stderr_does_not_reach_stdout(self):
        ended = script("raise failures.Unusable('nothing')", lambda: os.close(2))
        self.assertEqual((ended.returncode, ended.stdout), (2, ""))

    def test_a_file_never_becomes_a_closed_standard_stream(self):
        body = "with open(os.devnull) as file:\n    return 0 if file.fileno() > 2 else 1"
        for fd in (0, 1, 2):
            self.assertEqual(script(body, lambda fd=fd: os.close(fd)).returncode, 0, fd)

    def test_output_that_does_not_block_is_complete(self):
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        command = program("print('x' * 300_000)")
        with subprocess.Popen(command, stdout=writing, env=ENVIRONMENT) as process:
            os.close(writing)
            with open(reading, encoding="utf-8") as file:
                received = file.read()
            process.wait()
        self.assertEqual((process.returncode, len(received)), (0, 300_001))
