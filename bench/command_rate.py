#!/usr/bin/python3
"""How many commands of one member each can be given, and what does a group cost in which a thousand others run?

Two instances on one Redis. A giver on the first has so many commands under way at a time, each for one of ten workers on the
second, which answer at once. Then an idle worker takes 1,000 commands that do not end, and the same is done again; and last
another member sends messages to the group, with and without them. Prints for each: how many a second, and the CPU of both
instances and of Redis for each.

    bench/command_rate.py [--seconds 8] [--under-way 50] [--rounds 3] [--dll src/Aether.Api/bin/Release/net10.0/Aether.Api.dll]

Needs redis-server and Debian's python3-websockets. Everything is on 127.0.0.1 and ended by its own pid.
"""
import argparse
import asyncio
import json
import os
import subprocess
import sys
import time

import websockets

from roster_load import ROOT, message, wait_for
from two_instances import cpu, two_instances

WORKERS = 10
LONG = 1_000


def connect(port, client):
    return websockets.connect(
        f"ws://127.0.0.1:{port}/v3/ws/group/hall/client/{client}?echo=off", max_size=None, compression=None, open_timeout=60,
        ping_interval=None, close_timeout=0.2)


def report(client, got, status):
    return json.dumps({
        "msg_type": "cmd", "target": "direct", "from_id": client, "to_id": "aether", "cmd": "execution.update",
        "payload": {"attempt": got["execution"]["attempt"], "status": status}, "sent_at": "2026-01-01T00:00:00Z",
        "id": "u", "reply_to": got["id"]})


def order(number, worker, **more):
    return message("boss", "direct", msg_type="cmd", to_id="aether", cmd="command.start", id=f"s{number}",
                   payload={"cmd": "work", "to": [worker], "deadline_ms": 3_600_000, **more})


async def worker(port, client, status, counts):
    async with connect(port, client) as ws:
        counts["there"] += 1
        async for text in ws:
            if '"execution"' in text and '"from_id":"boss"' in text:
                await ws.send(report(client, json.loads(text), status))
            elif '"cmd":"reply"' in text:
                counts[client] = counts.get(client, 0) + 1


def workers(port):
    """The other process: those who carry out. Tells how many reports of each were taken, whenever it is asked."""
    async def run():
        counts = {"there": 0}
        everybody = [asyncio.create_task(worker(port, f"w{i}", "succeeded", counts)) for i in range(WORKERS)]
        everybody.append(asyncio.create_task(worker(port, "idler", "in_progress", counts)))
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(counts), flush=True)
        for one in everybody:
            one.cancel()
    asyncio.run(run())


class Bench:
    def __init__(self, ports, pids, redis_pid, crew, long):
        self.ports, self.pids, self.redis_pid, self.crew, self.long, self.number = ports, pids, redis_pid, crew, long, 0

    def ask(self):
        self.crew.stdin.write("?\n")
        self.crew.stdin.flush()
        return json.loads(self.crew.stdout.readline())

    def done(self):
        counts = self.ask()
        return sum(counts.get(f"w{i}", 0) for i in range(WORKERS))

    async def give(self, seconds, under_way):
        """Gives commands as fast as those before them have begun."""
        before, used, redis_used = self.done(), sum(map(cpu, self.pids)), cpu(self.redis_pid)
        async with connect(self.ports[0], "boss") as boss:
            started = time.monotonic()
            given = answered = 0
            while answered < given or time.monotonic() - started < seconds:
                while given - answered < under_way and time.monotonic() - started < seconds:
                    self.number += 1
                    given += 1
                    await boss.send(order(self.number, f"w{self.number % WORKERS}"))
                text = await asyncio.wait_for(boss.recv(), 60)
                if '"cmd":"error"' in text:
                    raise RuntimeError(text)
                if '"cmd":"reply"' in text:
                    answered += 1
            while self.done() - before < given:
                await asyncio.sleep(0.05)
            took = time.monotonic() - started
        return given / took, (sum(map(cpu, self.pids)) - used) / given * 1e6, (cpu(self.redis_pid) - redis_used) / given * 1e6

    async def start_long(self):
        async with connect(self.ports[0], "boss") as boss:
            for _ in range(self.long):
                self.number += 1
                await boss.send(order(self.number, "idler"))
            answered = 0
            while answered < self.long:
                text = await asyncio.wait_for(boss.recv(), 60)
                if '"cmd":"error"' in text:
                    raise RuntimeError(text)
                answered += '"cmd":"reply"' in text
        while self.ask().get("idler", 0) < self.long:
            await asyncio.sleep(0.05)

    async def say(self, seconds, rate=500):
        """Sends messages to the group at a steady rate."""
        used, redis_used = sum(map(cpu, self.pids)), cpu(self.redis_pid)
        async with connect(self.ports[0], "speaker") as speaker:
            started = time.monotonic()
            said = 0
            while (now := time.monotonic()) - started < seconds:
                while said < (now - started) * rate:
                    said += 1
                    await speaker.send(message("speaker", "group"))
                await asyncio.sleep(0.005)
        return said / seconds, (sum(map(cpu, self.pids)) - used) / said * 1e6, (cpu(self.redis_pid) - redis_used) / said * 1e6

    async def idle(self, seconds):
        used, redis_used = sum(map(cpu, self.pids)), cpu(self.redis_pid)
        await asyncio.sleep(seconds)
        return (sum(map(cpu, self.pids)) - used) / seconds * 1e3, (cpu(self.redis_pid) - redis_used) / seconds * 1e3


def tell(what, figures):
    rate, server, redis = figures
    print(f"{what:42} {rate:7.0f} a second   CPU of each {server:6.0f} us, Redis {redis:5.0f} us", flush=True)


async def rounds(bench, args):
    await bench.give(2, args.under_way)
    for when in ("with no other", f"beside {args.long} that run"):
        if when != "with no other":
            await bench.start_long()
        for _ in range(args.rounds):
            tell("commands, " + when, await bench.give(args.seconds, args.under_way))
        for _ in range(args.rounds):
            tell("messages to the group, " + when, await bench.say(args.seconds))
        server, redis = await bench.idle(args.seconds)
        print(f"nothing, {when:33} {server:6.1f} ms of CPU a second in both instances, {redis:5.1f} ms in Redis", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--under-way", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dll", default=os.path.join(ROOT, "src/Aether.Api/bin/Release/net10.0/Aether.Api.dll"))
    parser.add_argument("--long", type=int, default=LONG)
    parser.add_argument("--workers", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.workers:
        workers(int(args.workers))
        return
    with two_instances(args.dll, Aether__Realtime__RateLimit__PerSecond="0",
                       Aether__Realtime__Commands__Running=str(args.long + 1_000)) as (ports, pids, redis_pid):
        crew = subprocess.Popen(
            ["/usr/bin/python3", os.path.abspath(__file__), "--workers", str(ports[1])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            bench = Bench(ports, pids, redis_pid, crew, args.long)
            wait_for(lambda: bench.ask()["there"] == WORKERS + 1, 60)
            asyncio.run(rounds(bench, args))
        finally:
            crew.kill()


if __name__ == "__main__":
    main()
