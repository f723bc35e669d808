"""Starts commands in conditions without starting an interpreter for each: that would take longer than most commands do.

A process of its own does it, because this one has threads, and with threads not everything may be done after fork().
"""

import json
import os
import select
import signal
import socket
import traceback

import enter

LONGEST_REQUEST = 1 << 20  # B: the arguments and the environment


class Started:
    """A command. Its exit status is what subprocess calls returncode."""

    def __init__(self, answer):
        self._answer = answer

    def wait(self, seconds=None):
        """Its exit status, or None if it has not ended by then."""
        ready, _, _ = select.select([self._answer], [], [], seconds)
        return json.loads(os.read(self._answer, 100)) if ready else None

    def close(self):
        os.close(self._answer)


class Starter:
    """Make it before the first thread."""

    def __init__(self):
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self._requests, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST_REQUEST)
        if os.fork() == 0:
            self._requests.close()
            serve(theirs)
        theirs.close()

    def start(self, condition, words, folder, environment, out, err):
        """Begins the command in a session of its own, in this folder, with the files `out` and `err`."""
        request = {"condition": condition, "words": list(map(str, words)), "folder": str(folder)}
        request["environment"] = environment
        answer, theirs = os.pipe()
        socket.send_fds(self._requests, [json.dumps(request).encode()], [out.fileno(), err.fileno(), theirs])
        os.close(theirs)
        return Started(answer)


def serve(requests):
    """Until nobody can ask any more. Does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    while True:
        text, files, _, _ = socket.recv_fds(requests, LONGEST_REQUEST, 3)
        if not text:
            os._exit(0)
        if os.fork() == 0:
            requests.close()
            watch(json.loads(text), *files)
        for file in files:
            os.close(file)


def watch(request, out, err, answer):
    """Starts the command, waits for it, and tells how it ended. Does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        begin(request, out, err)
    _, status = os.waitpid(child, 0)
    os.write(answer, json.dumps(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def begin(request, out, err):
    """Becomes the command."""
    try:
        os.setsid()
        os.chdir(request["folder"])
        for number, file in enumerate((os.open("/dev/null", os.O_RDONLY), out, err)):
            os.dup2(file, number)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.environ.clear()
        os.environ.update(request["environment"])
        enter.become(request["condition"], request["words"])
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    os._exit(1)
