"""The state in which a script works, whatever its parent left it in (docs/inherited-state.md)."""

import io
import os
import select
import signal
import sys

# Who started the script chose whether these end or stop it: nohup, a shell's "&", a time limit.
LEFT_TO_THE_PARENT = {
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGPROF,
    signal.SIGXCPU,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
}
PYTHONS_OWN = {signal.SIGPIPE, signal.SIGXFSZ}  # it ignores them: a write then fails with an error


def enter():
    """The first thing that a script does. (output.safe_streams() then opens the standard streams that are closed.)"""
    for name in ("stdout", "stderr"):
        _make_patient(name)
    _reset_signals()


def ignores(number):
    return signal.getsignal(number) == signal.SIG_IGN


class _Patient(io.FileIO):
    """Writes all, and waits where the descriptor does not block. The flag itself stays: other processes have it too."""

    def write(self, data):
        rest = memoryview(data).cast("B")
        while rest:
            written = super().write(rest)
            if written is None:
                select.select([], [self], [])
            rest = rest[written or 0 :]
        return len(data)


def _make_patient(name):
    stream = getattr(sys, name)
    try:
        if os.get_blocking(stream.fileno()):
            return
    except (AttributeError, OSError, ValueError):  # there is none, or a test has replaced it
        return
    raw = _Patient(stream.fileno(), "w", closefd=False)
    patient = io.TextIOWrapper(io.BufferedWriter(raw), stream.encoding, stream.errors, line_buffering=name == "stderr")
    setattr(sys, name, patient)


def _reset_signals():
    """With SIGCHLD ignored, every program that a script runs would seem to end with 0."""
    for number in signal.valid_signals() - LEFT_TO_THE_PARENT - PYTHONS_OWN - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) in (signal.SIG_IGN, signal.SIG_DFL):  # not 32 and 33, which are the C library's
            signal.signal(number, signal.SIG_IGN)  # drops one that is pending: it was not meant for the script
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
