#!/usr/bin/python3
"""What does an instance spend on groups that none of its clients is in?

Two instances on one Redis. On the first one a group is busy; the second one has a single client, in another group. Prints
what the second one received from Redis and the CPU that it took, for V3 (a channel for each group) and for V2 (one channel
for everything, on the legacy endpoint).

    bench/noisy_neighbour.py [--seconds 10] [--rate 2000] [--dll src/Aether.Api/bin/Release/net10.0/Aether.Api.dll]

Needs redis-server and Debian's python3-websockets. Everything is on 127.0.0.1 and ended by its own pid.
"""
import argparse
import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import websockets

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("not in time")
        time.sleep(0.1)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bytes_from(pid, port):
    """What a process has received over its connections to a port, as the kernel counts it."""
    out = subprocess.run(
        ["ss", "-tinpH", "dst", f"127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True, check=True).stdout
    total = 0
    for head, info in zip(out.splitlines()[::2], out.splitlines()[1::2]):
        if f"pid={pid}," in head:
            total += int((re.search(r"bytes_received:(\d+)", info) or [0, 0])[1])
    return total


def message(client, number):
    return json.dumps({
        "version": "3", "msg_type": "msg", "target": "group", "from_id": client, "payload": {"n": number, "pad": "x" * 230},
        "sent_at": "2026-01-01T00:00:00Z"})


async def run_load(path, a, b, redis_port, pid_a, pid_b, rate, seconds):
    def url(port, group, client):
        return f"ws://127.0.0.1:{port}{path}/group/{group}/client/{client}"

    sender = await websockets.connect(url(a, "busy", "sender"))
    listeners = [await websockets.connect(url(a, "busy", f"listener{i}")) for i in range(5)]
    quiet = await websockets.connect(url(b, "quiet", "bystander"))
    counts = [0] * len(listeners)

    async def listen(i):
        async for _ in listeners[i]:
            counts[i] += 1

    async def drop():
        async for _ in sender:
            pass

    tasks = [asyncio.ensure_future(listen(i)) for i in range(len(listeners))] + [asyncio.ensure_future(drop())]
    await asyncio.sleep(2)
    before = [(bytes_from(pid, redis_port), cpu_seconds(pid)) for pid in (pid_a, pid_b)]
    began, sent = time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < seconds:
        while sent < elapsed * rate:
            await sender.send(message("sender", sent))
            sent += 1
        await asyncio.sleep(0.005)
    await asyncio.sleep(1)
    after = [(bytes_from(pid, redis_port), cpu_seconds(pid)) for pid in (pid_a, pid_b)]
    for task in tasks:
        task.cancel()
    for socket_ in [sender, quiet, *listeners]:
        await socket_.close()
    return sent, counts, [(x[0] - y[0], x[1] - y[1]) for x, y in zip(after, before)]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--seconds", type=float, default=10)
    ap.add_argument("--rate", type=int, default=2000)
    ap.add_argument("--dll", default=os.path.join(ROOT, "src/Aether.Api/bin/Release/net10.0/Aether.Api.dll"))
    args = ap.parse_args()
    running = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            redis_port, ports = free_port(), []
            running.append(subprocess.Popen(
                ["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                 "--dir", folder], stdout=subprocess.DEVNULL))
            for _ in range(2):
                ports.append(free_port())
                running.append(subprocess.Popen(
                    ["dotnet", args.dll, "--urls", f"http://127.0.0.1:{ports[-1]}"], stdout=subprocess.DEVNULL,
                    env={**os.environ, "ConnectionStrings__Redis": f"127.0.0.1:{redis_port}",
                         "Aether__Realtime__RateLimit__PerSecond": "0"}))
            for port in ports:
                wait_for(lambda port=port: answers(f"http://127.0.0.1:{port}/health/ready"))
            print("| | messages | busy instance: bytes | bystander: bytes | share | busy: CPU s | bystander: CPU s |")
            print("|---|---|---|---|---|---|---|")
            for name, path in (("V3", "/v3/ws"), ("V2 (legacy)", "/ws")):
                sent, counts, (busy, bystander) = asyncio.run(run_load(
                    path, ports[0], ports[1], redis_port, running[1].pid, running[2].pid, args.rate, args.seconds))
                assert all(count == sent for count in counts), "messages were lost"
                print(f"| {name} | {sent:,} | {busy[0]:,} | {bystander[0]:,} | {bystander[0] / busy[0]:.2%} "
                      f"| {busy[1]:.2f} | {bystander[1]:.2f} |", flush=True)
        finally:
            for process in reversed(running):
                process.send_signal(signal.SIGTERM)
            for process in reversed(running):
                process.wait(60)


if __name__ == "__main__":
    main()
