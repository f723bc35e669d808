"""Commands whose output nobody reads: they wait for ever once they print."""

import contextlib
import os
import subprocess
import time

_MOST_WAIT = 60.0  # seconds; only a command that prints first takes it
_EACH_LOOK = 0.01


def status_once_written(words, files):
    """Runs a command until `files` exist, then stops it with SIGTERM. Returns its status."""
    reader, writer = os.pipe()
    try:
        fill(writer)
        with subprocess.Popen(words, stdout=writer, stderr=subprocess.DEVNULL) as process:
            latest = time.monotonic() + _MOST_WAIT
            while process.poll() is None and not all(file.exists() for file in files) and time.monotonic() < latest:
                time.sleep(_EACH_LOOK)
            process.terminate()
            try:
                return process.wait(_MOST_WAIT)
            finally:
                process.kill()  # one that does not end would be waited for without end
    finally:
        os.close(reader)
        os.close(writer)


def fill(writer):
    """Leaves no room in a pipe."""
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x")
    os.set_blocking(writer, True)
