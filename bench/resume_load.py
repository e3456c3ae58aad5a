#!/usr/bin/python3
"""What do others feel while thousands of clients of one group resume at once, and how long does it take those?

Two instances on one Redis. A crowd is in a group, gets a message that is kept, and is cut off. Meanwhile so many more messages are kept, and
then all of it comes back at once: with its position, so that each gets what it missed, and in turn with none, so that each only connects.
Prints the p50 and p99 of messages in another group over both instances: alone and beside both, the seconds until everybody has all, what
Redis was asked for, and the CPU of the instances.

    bench/resume_load.py [--members 10000] [--missed 20] [--rounds 3] [--dll src/Aether.Api/bin/Release/net10.0/Aether.Api.dll]

Needs redis-server and Debian's python3-websockets, and 2 files for each member (ulimit -n). Everything is on 127.0.0.1 and ended
by its own pid.
"""
import argparse
import asyncio
import base64
import json
import os
import re
import resource
import selectors
import socket
import statistics
import subprocess
import sys
import time

from roster_load import ROOT, connect, message, redis
from two_instances import cpu, two_instances

GROUP = "large"
AT_ONCE = 256


class Member:
    """A connection of the crowd, which counts the kept messages that it gets. Frames of a server are not masked."""

    def __init__(self, selector, port, name, query):
        self.socket, self.buffer, self.open, self.got, self.last = socket.socket(), b"", False, [], None
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET /v3/ws/group/{GROUP}/client/{name}{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        selector.register(self.socket, selectors.EVENT_READ, self)

    def read(self):
        """Takes what there is; gives whether the connection has just opened."""
        try:
            got = self.socket.recv(65536)
        except BlockingIOError:
            return False
        if not got:
            raise ConnectionError("a member was cut off: " + self.buffer[:300].decode(errors="replace"))
        self.buffer += got
        opened = False
        if not self.open:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return False
            if b" 101 " not in head[:20]:
                raise ConnectionError(self.buffer[:400].decode(errors="replace"))
            self.buffer, self.open, opened = rest, True, True
        while len(self.buffer) >= 2:
            length, start = self.buffer[1] & 127, 2
            if length == 126:
                length, start = int.from_bytes(self.buffer[2:4], "big"), 4
            if len(self.buffer) < start + length:
                break
            text, self.buffer = self.buffer[start:start + length], self.buffer[start + length:]
            if (pos := re.search(rb'"pos":"(\w+:\d+)"', text)) is not None:
                self.got.append(int(pos[1].split(b":")[1]))
                self.last = pos[1].decode()
        return opened


class Crowd:
    """All members; it is run in a process of its own, told what to do by lines, and answers each with one."""

    def __init__(self, ports, members):
        self.ports, self.names, self.selector, self.all = ports, [f"m{i}" for i in range(members)], selectors.DefaultSelector(), []

    def come(self, query, until):
        """Everybody connects; gives the seconds until all have so many messages."""
        began, waiting, opening = time.monotonic(), list(enumerate(self.names)), 0
        while waiting or opening or any(len(one.got) < until for one in self.all):
            while waiting and opening < AT_ONCE:
                i, name = waiting.pop()
                self.all.append(Member(self.selector, self.ports[i % 2], name, query))
                opening += 1
            opening -= self.turn()
            if time.monotonic() - began > 60:
                raise TimeoutError("not all came, or got what they missed")
        return round(time.monotonic() - began, 2)

    def hear(self, until):
        began = time.monotonic()
        while any(len(one.got) < until for one in self.all):
            self.turn()
            if time.monotonic() - began > 60:
                raise TimeoutError("not all heard")
        return self.all[0].last

    def turn(self):
        return sum(key.data.read() for key, _ in self.selector.select(0.05))

    def go(self):
        """All are cut off; gives whether each had what it should have, in order and once."""
        whole = all(one.got == list(range(one.got[0], one.got[0] + len(one.got))) if one.got else True for one in self.all)
        for one in self.all:
            self.selector.unregister(one.socket)
            one.socket.close()
        self.all = []
        return whole

    def serve(self):
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            print(json.dumps(getattr(self, name)(*arguments)), flush=True)


async def others(ports, stop):
    """Latencies in ms of a quiet group, 100 messages a second from one instance to the other, until told to stop."""
    latencies = []
    async with connect(ports[0], "quiet", "from") as sender, connect(ports[1], "quiet", "to") as receiver:
        async def receive():
            async for text in receiver:
                got = json.loads(text)
                if "at" in got["payload"]:
                    latencies.append((time.monotonic() - got["payload"]["at"]) * 1000)
        receiving = asyncio.create_task(receive())
        while not stop.is_set():
            await sender.send(message("from", "group", payload={"at": time.monotonic()}))
            await asyncio.sleep(0.01)
        await asyncio.sleep(1)
        receiving.cancel()
    latencies.sort()
    return latencies


def calls(redis_port):
    """How often Redis carried each command out, and its seconds of CPU in them."""
    found = re.findall(r"cmdstat_([\w|]+):calls=(\d+),usec=(\d+)", redis(redis_port, [["INFO", "commandstats"]]).decode())
    return {name: (int(count), int(us) / 1e6) for name, count, us in found}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=10_000)
    parser.add_argument("--missed", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dll", default=os.path.join(ROOT, "src/Aether.Api/bin/Release/net10.0/Aether.Api.dll"))
    parser.add_argument("--crowd", help=argparse.SUPPRESS)
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if args.crowd:
        Crowd([int(port) for port in args.crowd.split(",")], args.members).serve()
        return
    with two_instances(args.dll, Aether__Realtime__RateLimit__PerSecond="0") as (ports, pids, redis_pid):
        asyncio.run(measure(args, ports, pids, redis_pid))


async def measure(args, ports, pids, redis_pid):
    redis_port = int(open(f"/proc/{redis_pid}/cmdline").read().split("\0")[0].rsplit(":", 1)[1])
    crowd = await asyncio.create_subprocess_exec(
        "/usr/bin/python3", os.path.abspath(__file__), "--members", str(args.members), "--crowd", ",".join(map(str, ports)),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    async def tell(*words):
        crowd.stdin.write(json.dumps(words).encode() + b"\n")
        if not (answer := await crowd.stdout.readline()):
            raise RuntimeError("the crowd has ended")
        return json.loads(answer)

    async def keep(count):
        async with connect(ports[0], GROUP, "giver") as giver:
            for i in range(count):
                await giver.send(message("giver", "group", msg_type="cmd", cmd="work", id=f"{time.time_ns()}"))
            acknowledged = 0
            while acknowledged < count:
                acknowledged += json.loads(await giver.recv()).get("cmd") == "ack"

    async def watched(work):
        stop = asyncio.Event()
        watching = asyncio.create_task(others(ports, stop))
        await asyncio.sleep(0.5)
        result = await work
        stop.set()
        return result, await watching

    p99s = {}
    try:
        for number in range(args.rounds + 1):
            for name in ("alone", "connect", "resume"):
                await tell("come", "", 0)
                await keep(1)
                position = await tell("hear", 1)
                assert await tell("go")
                await keep(args.missed)
                # The servers clean up after those who were cut off.
                await asyncio.sleep(3)
                before, used = calls(redis_port), [cpu(pid) for pid in (*pids, redis_pid)]
                work = asyncio.sleep(4, 0) if name == "alone" else tell(
                    "come", "" if name == "connect" else f"?group_pos={position}", 0 if name == "connect" else args.missed)
                seconds, latencies = await watched(work)
                spent = [cpu(pid) - was for pid, was in zip((*pids, redis_pid), used)]
                asked = {key: count - before.get(key, (0, 0))[0] for key, (count, _) in calls(redis_port).items()}
                assert await tell("go")
                await asyncio.sleep(3)
                p50, p99 = latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)]
                print(f"{'warm-up' if number == 0 else f'round {number}'}: {name:8} others p50 {p50:7.2f} ms, p99 {p99:7.2f} ms "
                      f"({len(latencies)}); all whole after {seconds} s; instances {spent[0]:.2f} + {spent[1]:.2f} s, Redis "
                      f"{spent[2]:.2f} s of CPU; {asked.get('xrange', 0)} reads of the stream", flush=True)
                if number:
                    p99s.setdefault(name, []).append(p99)
    finally:
        crowd.terminate()
        await crowd.wait()
    medians = {name: statistics.median(values) for name, values in p99s.items()}
    print(f"p99 of others: alone {medians['alone']:.2f} ms, beside {args.members} that connect {medians['connect']:.2f}, that resume "
          f"{medians['resume']:.2f}: {medians['resume'] / medians['connect']:.2f} times that of connecting")


if __name__ == "__main__":
    main()
