"""Runs a function in a fork that the kernel stops at chosen system calls, whichever thread calls.

strace counts per thread, and a library put in between sees only what goes through it. Here a
seccomp filter, which every thread inherits, hands each of the chosen calls to the tracer.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
import traceback
from typing import TYPE_CHECKING, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# linux/ptrace.h, linux/prctl.h, linux/seccomp.h, linux/wait.h
_TRACEME, _CONT, _SYSCALL, _SETOPTIONS, _GET_SYSCALL_INFO = 0, 7, 24, 0x4200, 0x420E
_O_SYSGOOD, _O_FORK, _O_VFORK, _O_CLONE, _O_SECCOMP, _O_EXITKILL = 1, 2, 4, 8, 0x80, 0x100000
_EVENT_SECCOMP = 7
_SET_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _TRACE = 0x7FFF0000, 0x7FF00000
_WALL = 0x40000000
# BPF: load the number of the call; if it is that one, go past the next instruction; return.
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_INFO = struct.Struct("=B3xI2Q7Q16x")

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long
_libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4


class Call(NamedTuple):
    """A system call that a thread is about to make."""

    thread: int
    number: int
    arguments: tuple[int, ...]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _ptrace(request: int, thread: int, address: int = 0, data: object = 0) -> int:
    return _checked(_libc.ptrace(request, thread, address, data))


def _install_filter(numbers: Iterable[int]) -> None:
    code = struct.pack("=HBBI", _LOAD, 0, 0, 0)
    for number in numbers:
        code += struct.pack("=HBBI", _JUMP_IF_EQUAL, 0, 1, number)
        code += struct.pack("=HBBI", _RETURN, 0, 0, _TRACE)
    code += struct.pack("=HBBI", _RETURN, 0, 0, _ALLOW)
    program = _Program(len(code) // 8, code)
    _checked(_libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(_libc.prctl(_SET_SECCOMP, _FILTER, ctypes.addressof(program), 0, 0))


def fork(work: Callable[[], None], numbers: Iterable[int]) -> int:
    """Start `work` in a fork that waits to be traced; return its pid."""
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)  # so that its threads, and nobody else, are waited for
        _ptrace(_TRACEME, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        _install_filter(numbers)
        _end_with(work)
    return pid


def _end_with(work: Callable[[], None]) -> NoReturn:
    """Do `work` and end the process, as the interpreter would."""
    code = 0
    try:
        work()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1 if error.code else 0
    except BaseException:  # noqa: BLE001  # told to whoever reads the log
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Tracee:
    """A process that `fork` started, and all its threads."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._threads = {pid}
        os.waitpid(pid, _WALL)
        options = _O_SYSGOOD | _O_FORK | _O_VFORK | _O_CLONE | _O_SECCOMP | _O_EXITKILL
        _ptrace(_SETOPTIONS, pid, 0, options)
        _ptrace(_CONT, pid)

    def kill(self) -> None:
        """End it as `kill -9` does; a call that it is about to make is not made any more."""
        os.kill(self.pid, signal.SIGKILL)

    def run(self, before: Callable[[Call], bool], after: Callable[[], None]) -> int:
        """Let it run to its end; return its exit code, negative for a signal.

        `before` is asked at each chosen call; where it says so, `after` is told that the call
        was made and has its result.
        """
        code = 0
        while True:
            try:
                thread, status = os.waitpid(-self.pid, _WALL)
            except ChildProcessError:
                return code
            if not os.WIFSTOPPED(status):
                if thread == self.pid:
                    code = os.waitstatus_to_exitcode(status)
                continue
            try:
                request, number = self._answer(thread, status, before, after)
                _ptrace(request, thread, 0, number)
            except ProcessLookupError:
                pass  # killed meanwhile; its end is reported too

    def _answer(
        self,
        thread: int,
        status: int,
        before: Callable[[Call], bool],
        after: Callable[[], None],
    ) -> tuple[int, int]:
        """Look at one stop; return how the thread goes on, and with which signal."""
        event, number = status >> 16, os.WSTOPSIG(status)
        if event == _EVENT_SECCOMP:
            return (_SYSCALL if before(self._call(thread)) else _CONT), 0
        if number == signal.SIGTRAP | 0x80:
            after()
        elif event == 0 and thread not in self._threads:
            self._threads.add(thread)  # every new thread starts with a stop
        elif event == 0:
            return _CONT, number
        return _CONT, 0

    def _call(self, thread: int) -> Call:
        buffer = ctypes.create_string_buffer(_INFO.size)
        _ptrace(_GET_SYSCALL_INFO, thread, _INFO.size, buffer)
        _, _, _, _, number, *arguments = _INFO.unpack(buffer.raw)
        return Call(thread, number, tuple(arguments))
