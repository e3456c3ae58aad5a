"""What the tests start: processes that end with the test run, a Redis, and the built server."""

import ctypes
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import redis

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
DLL = Path(os.environ.get("AETHER_DLL") or REPOSITORY / "src/Aether.Api/bin/Release/net10.0/Aether.Api.dll")

# How long anything may take that should happen at once; long, since a loaded machine is no fault of the server.
PATIENCE = 20


def die_with_parent():
    """Runs in a child: a test run that is killed leaves no server behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def free_port():
    """Below the ports that the system gives to connections: nobody gets it before it is used."""
    while True:
        port = random.randrange(12_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


class Process:
    """A child process whose output is read all the time, so that it never stands still over a full pipe."""

    def __init__(self, *command, **environment):
        self.lines = []
        self.changed = threading.Condition()
        self.child = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
            preexec_fn=die_with_parent,
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.child.stdout:
            with self.changed:
                self.lines.append(line.rstrip())
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def wait_for(self, pattern):
        """The first match in the output."""
        deadline = time.monotonic() + PATIENCE
        with self.changed:
            while True:
                for line in self.lines:
                    if found := re.search(pattern, line):
                        return found
                left = deadline - time.monotonic()
                if left <= 0 or self.child.poll() is not None:
                    raise AssertionError("\n".join(["it did not start:", *self.lines]))
                self.changed.wait(min(left, 0.2))

    def stop(self):
        self.child.terminate()
        try:
            self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.close()

    def kill(self):
        """As when a machine loses power: nobody is told."""
        self.child.kill()
        self.child.wait()
        self.close()

    def close(self):
        self.reader.join()
        self.child.stdout.close()


class Redis(Process):
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="aether-redis-")
        self.port = free_port()
        super().__init__(
            "redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
            "--save", "", "--appendonly", "no", "--dir", self.directory,
        )
        self.wait_for("Ready to accept connections")
        self.commands = redis.Redis(port=self.port, decode_responses=True)

    def stop(self):
        self.commands.close()
        super().stop()
        shutil.rmtree(self.directory)


class Aether(Process):
    def __init__(self, redis_port, **settings):
        super().__init__(
            "dotnet", str(DLL),
            ASPNETCORE_URLS="http://127.0.0.1:0",
            ConnectionStrings__Redis=f"127.0.0.1:{redis_port}",
            **{f"Aether__Realtime__{name}": value for name, value in settings.items()},
        )
        self.address = self.wait_for(r"listens on http://(127\.0\.0\.1:\d+)")[1]
        self.wait_until_ready()

    def status(self, path):
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=PATIENCE) as answer:
                return answer.status
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code

    def wait_until_ready(self):
        deadline = time.monotonic() + PATIENCE
        while self.status("/health/ready") != 200:
            if time.monotonic() > deadline:
                raise AssertionError("\n".join(["it did not become ready:", *self.lines]))
            time.sleep(0.05)
