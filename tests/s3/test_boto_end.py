"""The uploader on boto3 ends when it is told to, whatever the store does."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import Future, wait

import pytest

from mailvault.store.threads import DaemonThreads

SILENT = """
import socket, sys, time
from mailvault.config import Settings
from mailvault.models import Part
from mailvault.store.boto import BotoUploader

listener = socket.create_server(("127.0.0.1", 0))
settings = Settings(
    _env_file=None, s3_endpoint=f"http://127.0.0.1:{listener.getsockname()[1]}",
    s3_bucket="bucket", aws_access_key_id="id", aws_secret_access_key="secret",
)
uploader = BotoUploader(settings, concurrency=2, max_bytes=1024)
uploader.submit([Part(n, f"{n}", b"abc", "text/plain") for n in range(10)])
requests = [listener.accept()[0] for _ in range(2)]
assert all(request.recv(4) == b"PUT " for request in requests)
uploader.close(abort=True)
assert uploader.completed(0) == []
print("closed", flush=True)
"""


def test_requests_in_flight_do_not_hold_up_the_exit() -> None:
    started = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", SILENT], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "closed\n"
        closed = time.monotonic()
        assert process.wait(timeout=60) == 0
    assert time.monotonic() - closed < 5
    assert closed - started < 20  # a start on a busy machine included


def test_calls_end_in_their_futures() -> None:
    threads = DaemonThreads(2, "test")
    futures = [threads.submit(divmod, 7, by) for by in (2, 0)]
    threads.shutdown()
    assert futures[0].result() == (3, 1)
    assert isinstance(futures[1].exception(), ZeroDivisionError)
    with pytest.raises(RuntimeError):
        threads.submit(divmod, 7, 2)


def test_calls_that_wait_can_be_cancelled_while_another_thread_waits_for_them() -> None:
    threads = DaemonThreads(1, "test")
    begun, go_on = threading.Event(), threading.Event()

    def call() -> bool:
        begun.set()
        return go_on.wait(30)

    first = threads.submit(call)
    second: Future[bool] = threads.submit(call)
    assert begun.wait(30)
    ending = threading.Thread(target=threads.shutdown)
    ending.start()
    threads.shutdown(wait=False, cancel_futures=True)
    assert not wait({second}, timeout=30).not_done
    assert second.cancelled()
    go_on.set()
    ending.join(30)
    assert not ending.is_alive()
    assert first.result()


def test_no_threads_are_an_error() -> None:
    with pytest.raises(ValueError, match="positive"):
        DaemonThreads(0, "test")
