#!/usr/bin/python3
"""How long does a command to many members take, and what does it cost?

Two instances on one Redis, a group with members on both, and a giver on the first. Prints, for each round: from the start
to the last member that has its message, and to the event that says so; from the last result that was given to the event
that says that the command has ended; the CPU of both instances and of Redis for an execution, and how many events came in
a second. Each member answers with one report, as soon as it can.

    bench/command_load.py [--members 5000] [--rounds 3] [--dll src/Aether.Api/bin/Release/net10.0/Aether.Api.dll]

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


def report(client, got):
    return json.dumps({
        "msg_type": "cmd", "target": "direct", "from_id": client, "to_id": "aether", "cmd": "execution.update",
        "payload": {"attempt": got["execution"]["attempt"], "status": "succeeded", "result": {"ok": True}},
        "sent_at": "2026-01-01T00:00:00Z", "id": "u", "reply_to": got["id"]})


async def member(port, client, times):
    async with websockets.connect(
            f"ws://127.0.0.1:{port}/v3/ws/group/crowd/client/{client}", max_size=None, compression=None,
            open_timeout=60, ping_interval=None) as ws:
        times["there"] += 1
        async for text in ws:
            if '"execution"' in text and '"from_id":"boss"' in text:
                times["got"] = time.monotonic()
                times["count"] += 1
                await ws.send(report(client, json.loads(text)))
            elif '"cmd":"reply"' in text:
                times["said"] = time.monotonic()


def members(port, first, count):
    """The other process: the members of one instance. Tells what it knows whenever it is asked."""
    async def run():
        times = {"there": 0, "count": 0, "got": 0.0, "said": 0.0}
        everybody = []
        for i in range(first, first + count):
            everybody.append(asyncio.create_task(member(port, f"member-{i:05}", times)))
            if i % 100 == 0:
                await asyncio.sleep(0.05)
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(times), flush=True)
            times["count"] = 0
        for one in everybody:
            one.cancel()
    asyncio.run(run())


def ask(process):
    process.stdin.write("?\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


async def round_of(port, count, crowds, pids, redis_pid):
    before, redis_before = sum(map(cpu, pids)), cpu(redis_pid)
    async with websockets.connect(
            f"ws://127.0.0.1:{port}/v3/ws/group/crowd/client/boss", max_size=None, compression=None) as boss:
        started = time.monotonic()
        await boss.send(message(
            "boss", "direct", msg_type="cmd", to_id="aether", cmd="command.start", id=f"s{time.monotonic_ns()}",
            payload={"cmd": "work", "deadline_ms": 60000, "delivery_timeout_ms": 30000}))
        told_sent = ended = None
        events = 0
        while ended is None:
            got = json.loads(await asyncio.wait_for(boss.recv(), 60))
            if got["cmd"] == "error":
                raise RuntimeError(got["msg"])
            if got["cmd"] != "command.event":
                continue
            events += 1
            counts = got["payload"]["counts"]
            if told_sent is None and counts["queued"] == 0:
                told_sent = time.monotonic()
            if got["payload"]["status"] not in ("in_progress", "paused"):
                ended = time.monotonic()
    times = [ask(crowd) for crowd in crowds]
    last_got, last_said = max(one["got"] for one in times), max(one["said"] for one in times)
    used, redis_used = sum(map(cpu, pids)) - before, cpu(redis_pid) - redis_before
    print(f"{counts['succeeded']:6} of {count} succeeded   sent to all {last_got - started:5.2f} s   told {told_sent - started:5.2f} s   "
          f"last result to end told {ended - last_said:5.2f} s   all {ended - started:5.2f} s   "
          f"CPU an execution {used / count * 1e6:6.0f} us, Redis {redis_used / count * 1e6:5.0f} us   "
          f"{events} events, {events / (ended - started):.1f} a second", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dll", default=os.path.join(ROOT, "src/Aether.Api/bin/Release/net10.0/Aether.Api.dll"))
    parser.add_argument("--crowd", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.crowd:
        members(*map(int, args.crowd.split(",")))
        return
    crowds = []
    with two_instances(args.dll) as (ports, pids, redis_pid):
        each = args.members // len(ports)
        try:
            for i, port in enumerate(ports):
                crowds.append(subprocess.Popen(
                    ["/usr/bin/python3", os.path.abspath(__file__), "--crowd", f"{port},{i * each},{each}"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            wait_for(lambda: all(ask(crowd)["there"] == each for crowd in crowds), 120)
            for _ in range(args.rounds):
                asyncio.run(round_of(ports[0], each * len(ports), crowds, pids, redis_pid))
        finally:
            for crowd in crowds:
                crowd.kill()


if __name__ == "__main__":
    main()
