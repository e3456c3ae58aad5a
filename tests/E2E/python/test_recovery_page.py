"""The worker of docs/recovery.md, as it stands on the page: against a server that is killed and comes back, and against
everything that may stand in front of one."""

import asyncio
import json
import re
import time
import unittest
import urllib.request

import websockets

from processes import PATIENCE, REPOSITORY, Aether, Redis

PAGE_ADDRESS = "ws://localhost:5080"


def load_worker(address):
    """What the page's code defines, for a server at this address."""
    page = (REPOSITORY / "docs/recovery.md").read_text()
    [code] = [code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "async def run(" in code]
    assert PAGE_ADDRESS in code
    worker = {}
    exec(compile(code.replace(PAGE_ADDRESS, f"ws://{address}"), "recovery.md", "exec"), worker)
    return worker


def without_waiting(worker):
    """Has it come back at once, and says why and how often in vain it came."""
    asked = []

    def pause(code, failures):
        asked.append((code, failures))
        return 0.01

    worker["pause"] = pause
    return asked


class Front:
    """In front of a server, as a proxy: what it answers instead of it comes first."""

    def __init__(self):
        self.answers = []
        self.backend = None
        self.writers = set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.address = "127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *fault):
        self.server.close()
        for writer in list(self.writers):
            writer.close()
        await self.server.wait_closed()

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            if self.answers:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(self.answers.pop(0))
            elif self.backend is not None:
                host, port = self.backend.split(":")
                far_reader, far_writer = await asyncio.open_connection(host, int(port))
                self.writers.add(far_writer)
                try:
                    await asyncio.gather(self.copy(reader, far_writer), self.copy(far_reader, writer))
                finally:
                    far_writer.close()
                    self.writers.discard(far_writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.writers.discard(writer)

    @staticmethod
    async def copy(reader, writer):
        try:
            while part := await reader.read(65_536):
                writer.write(part)
                await writer.drain()
        finally:
            writer.close()


def refusal(status):
    return f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


def give(server, number):
    """Sends a command to the group, as an operator would."""
    message = {
        "msg_type": "cmd", "target": "group", "from_id": "aether", "group_id": "press-7", "cmd": "start",
        "payload": {"number": number}, "sent_at": "2026-01-01T00:00:00Z", "id": f"start-{number}",
    }
    request = urllib.request.Request(
        f"http://{server.address}/v3/messages", json.dumps(message).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=PATIENCE).close()


class RecoveryPage(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.acted = []
        self.lost = []

    async def asyncSetUp(self):
        # unittest turns it on, and then it tells of every process that is started.
        asyncio.get_running_loop().set_debug(False)

    def start(self, worker):
        run = asyncio.create_task(worker["run"](
            lambda message: self.acted.append(message["payload"].get("number")),
            lambda channel, why: self.lost.append((channel, why))))

        async def end():
            # More than once: what is canceled just as it ends may take no notice, and begin the next try.
            while not run.done():
                run.cancel()
                await asyncio.wait([run], timeout=0.1)
            if not run.cancelled():
                run.exception()

        self.addAsyncCleanup(end)
        return run

    async def eventually(self, condition, run, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertFalse(run.done(), f"{what}: the worker has ended, {run.done() and run.exception()!r}")
            self.assertLess(time.monotonic(), deadline, what)
            await asyncio.sleep(0.02)

    async def test_worker_outlives_a_killed_server_and_misses_nothing(self):
        backplane = Redis()
        self.addCleanup(backplane.stop)
        first = Aether(backplane.port)
        async with Front() as front:
            front.backend = first.address
            worker = load_worker(front.address)
            asked = without_waiting(worker)
            run = self.start(worker)
            await self.eventually(lambda: worker["last"], run, "the worker is connected")
            give(first, 1)
            await self.eventually(lambda: self.acted == [1], run, "the first command")

            # A handshake that breaks off, and what proxies and a start say meanwhile.
            front.answers = [b"", *map(refusal, (429, 500, 502, 503, 504, 404)), b"HTTP/1.1 "]
            first.kill()
            await self.eventually(lambda: not front.answers, run, "the worker tries again")
            front.backend = None
            second = Aether(backplane.port)
            self.addCleanup(second.stop)
            give(second, 2)
            front.backend = second.address
            await self.eventually(lambda: self.acted == [1, 2], run, "what was given meanwhile")
            give(second, 3)
            await self.eventually(lambda: self.acted == [1, 2, 3], run, "what is live")

        self.assertEqual([], self.lost)
        # Nobody said a code, and each time in vain it waits for longer.
        self.assertEqual([(1006, n) for n in range(6)], asked[:6])

    async def test_worker_stops_where_coming_back_is_of_no_use(self):
        for status in (400, 401, 403):
            with self.subTest(status):
                async with Front() as front:
                    front.answers = [refusal(status)]
                    worker = load_worker(front.address)
                    without_waiting(worker)
                    with self.assertRaises(websockets.InvalidHandshake):
                        await asyncio.wait_for(self.start(worker), PATIENCE)
        for code in (1002, 1003, 1007, 4000, 4005):
            with self.subTest(code):
                with self.assertRaises(websockets.ConnectionClosed):
                    await asyncio.wait_for(self.closed_with(code, lambda asked: False), PATIENCE)

    async def test_worker_comes_back_as_the_table_of_close_codes_says(self):
        for code in (1000, 1001, 1011, 1012, 1013, 4101):
            with self.subTest(code):
                asked = await asyncio.wait_for(self.closed_with(code, lambda asked: len(asked) > 1), PATIENCE)
                self.assertEqual([(code, 0), (code, 1)], asked[:2])

    def test_pauses_are_those_of_the_table_of_close_codes(self):
        worker = load_worker("127.0.0.1:0")
        at_least, at_most = (type("Random", (), {"uniform": staticmethod(end)}) for end in (min, max))
        for code, failures, least, most in (
            (1001, 0, 0, 5), (1012, 4, 0, 5), (1006, 0, 0, 1), (1011, 3, 0, 8), (1011, 5, 0, 30),
            (1013, 0, 5, 10), (1013, 5, 5, 35), (4100, 0, 1, 2), (4101, 1, 1, 3),
        ):
            with self.subTest(code=code, failures=failures):
                worker["random"] = at_least
                self.assertEqual(least, worker["pause"](code, failures))
                worker["random"] = at_most
                self.assertEqual(most, worker["pause"](code, failures))

    async def closed_with(self, code, enough):
        """What a worker asks that each connection is closed with this code, until that is enough or it ends."""

        async def close(socket, _=None):
            await socket.close(code)

        async with websockets.serve(close, "127.0.0.1", 0, subprotocols=["aether.v3"]) as server:
            worker = load_worker("127.0.0.1:%d" % server.sockets[0].getsockname()[1])
            asked = without_waiting(worker)
            run = self.start(worker)
            while not run.done() and not enough(asked):
                await asyncio.sleep(0.01)
            if run.done():
                await run
            return asked


if __name__ == "__main__":
    unittest.main()
