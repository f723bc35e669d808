"""What the tables of this folder consist of: a condition in which every command is run."""

import ctypes
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field


def nothing():
    """What a condition does that only wraps the command."""


@dataclass(frozen=True)
class Condition:
    """How a process may be started. One entry of a table; enter.py applies it and then executes the command."""

    name: str
    enter: Callable[[], None] = nothing  # called just before exec, in the process that becomes the command
    wrap: tuple[str, ...] = ()  # a program that executes the command: ("unshare", "--net")
    environment: dict = field(default_factory=dict)  # variables to set; None removes one
    only: tuple[str, ...] = ()  # names of commands; () = all
    expect: dict = field(
        default_factory=dict
    )  # the exit statuses by name of command where they differ; "*" = all others
    needs: Callable[[], str] = lambda: ""  # why this cannot be tested here; "" = it can
    check: Callable = lambda command, ended: []  # what is wrong besides; a list of sentences
    silent: bool = False  # there is no stderr on which a failure could be said
    as_user: bool = False  # as an ordinary user, where the tests run as root

    def commands(self, commands):
        return [command for command in commands if not self.only or command.name in self.only]

    def status(self, command):
        """The allowed exit statuses; that of a process killed by signal N is -N."""
        expected = self.expect.get(command.name, self.expect.get("*", command.status))
        return expected if isinstance(expected, tuple) else (expected,)


libc = ctypes.CDLL(None, use_errno=True)


def prctl(option, *arguments):
    if libc.prctl(option, *(ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4])) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")


def refuse(*numbers, error=1):
    """From now on these system calls (numbers of x86-64) fail with `error`, as under a container's seccomp filter."""
    load, equal, answer = 0x20, 0x15, 0x06  # BPF_LD+W+ABS, BPF_JMP+JEQ+K, BPF_RET+K
    refused, allowed = 0x00050000 | error, 0x7FFF0000
    code = [(load, 0, 0, 0)]
    for number in numbers:
        code += [(equal, 0, 1, number), (answer, 0, 0, refused)]
    code.append((answer, 0, 0, allowed))
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in code))
    filter_program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(program))
    prctl(38, 1)  # PR_SET_NO_NEW_PRIVS
    if libc.prctl(22, ctypes.c_ulong(2), ctypes.c_char_p(filter_program)) != 0:  # PR_SET_SECCOMP
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")


def root_only():
    return "" if os.geteuid() == 0 else "only root can do this"
