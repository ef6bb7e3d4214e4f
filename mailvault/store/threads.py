"""Threads that nobody waits for at the interpreter's exit.

Those of `concurrent.futures` are joined there whatever was said before, and a request that a
silent store never answers can last for minutes.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Job = tuple[Future[Any], Callable[[], Any]]


class DaemonThreads(Executor):
    """A fixed number of threads that take calls in turn."""

    def __init__(self, count: int, name: str) -> None:
        if count < 1:
            raise ValueError("the number of threads must be positive")
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._threads = [
            threading.Thread(target=_work, args=(self._jobs,), name=f"{name}-{n}", daemon=True)
            for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Have a call made by the next thread that is free.

        Raises:
            RuntimeError: It was shut down.
        """
        future: Future[_T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("no calls are taken after the end")
            self._jobs.put((future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; the threads end after those that are waiting, or without them."""
        with self._lock:
            self._closed = True
            left = self._waiting() if cancel_futures else []
            for _ in self._threads:
                self._jobs.put(None)
        for future, _ in left:
            future.cancel()
            future.set_running_or_notify_cancel()
        if wait:
            for thread in self._threads:
                thread.join()

    def _waiting(self) -> list[_Job]:
        jobs: list[_Job] = []
        try:
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    jobs.append(job)
        except queue.Empty:
            return jobs


def _work(jobs: queue.SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        future, call = job
        if future.set_running_or_notify_cancel():
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001  # the caller's, wherever it waits
                future.set_exception(error)
            else:
                future.set_result(result)
                del result
        del job, future, call  # which may hold a body
