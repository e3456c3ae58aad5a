#!/usr/bin/python3
"""What do others feel of a client that asks for a large roster, or says its state, as often as it can?

Two instances on one Redis, a group of 5,000 members (written straight into Redis, as a third instance would have), and another
group in which one client sends to another 100 times a second. Prints the p50 and p99 of those messages and how often an
instance was not ready: alone, while 10 clients send a heartbeat a hundred times a second each (what so many frames cost, whatever
they ask for), while they ask for the roster as often, and while one client says its state a thousand times a second.

    bench/roster_load.py [--seconds 8] [--members 5000] [--dll src/Aether.Api/bin/Release/net10.0/Aether.Api.dll]

Needs redis-server and Debian's python3-websockets. Everything is on 127.0.0.1 and ended by its own pid.
"""
import argparse
import asyncio
import json
import os
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


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("not in time")
        time.sleep(0.1)


def redis(port, commands):
    """Runs commands, and gives how many bytes their answers had."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        out = b"".join(
            b"*%d\r\n" % len(c) + b"".join(b"$%d\r\n%s\r\n" % (len(a.encode()), a.encode()) for a in c) for c in commands)
        s.sendall(out + b"*1\r\n$4\r\nPING\r\n")
        got = b""
        while not got.endswith(b"+PONG\r\n"):
            got += s.recv(65536)
        return got


def seed(port, group, members):
    now = int(time.time() * 1000)
    commands = [["ZADD", "ws:leases", str(now + 3_600_000), "seeded"], ["SADD", "ws:groups:seeded", group]]
    for i in range(members):
        c = f"member-{i:05}"
        commands += [
            ["SADD", f"ws:members:{{{group}}}", c], ["HSET", f"ws:held:{{{group}}}:seeded", c, "1"],
            ["HSET", f"ws:holders:{{{group}}}", c, f"1 2 {now} {now} {now}", f"{c}:seen", str(now),
             f"{c}:state", '{"zoom":2.5,"recording":true}'],
            ["HSET", f"ws:versions:{{{group}}}", c, str(now * 1000)]]
    redis(port, commands)


def message(client, target, **more):
    return json.dumps({"msg_type": "msg", "target": target, "from_id": client, "payload": {},
                       "sent_at": "2026-01-01T00:00:00Z", **more})


def connect(port, group, client):
    return websockets.connect(
        f"ws://127.0.0.1:{port}/v3/ws/group/{group}/client/{client}", max_size=None, compression=None)


async def others(ports, seconds):
    """Latencies in ms of a quiet group over both instances."""
    latencies = []
    async with connect(ports[0], "quiet", "from") as sender, connect(ports[1], "quiet", "to") as receiver:
        async def receive():
            while True:
                got = json.loads(await receiver.recv())
                if "at" in got["payload"]:
                    latencies.append((time.monotonic() - got["payload"]["at"]) * 1000)
        receiving = asyncio.create_task(receive())
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await sender.send(message("from", "group", payload={"at": time.monotonic()}))
            await asyncio.sleep(0.01)
        await asyncio.sleep(1)
        receiving.cancel()
    latencies.sort()
    return latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)], len(latencies)


async def unready(ports, seconds):
    loop, count = asyncio.get_running_loop(), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for port in ports:
            count += not await loop.run_in_executor(None, answers, f"http://127.0.0.1:{port}/health/ready")
        await asyncio.sleep(0.2)
    return count


def crowd(ports, kind, seconds):
    """The other process: who asks, or says, all the time."""
    async def one(i):
        got = {"answers": 0, "limited": 0, "closed": 0}
        client = f"crowd-{i}"
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                async with connect(ports[i % 2], "large", client) as ws:
                    async def receive():
                        try:
                            async for text in ws:
                                got["limited" if len(text) < 1000 and '"rate_limited"' in text else "answers"] += 1
                        except websockets.WebSocketException:
                            pass
                    receiving = asyncio.create_task(receive())
                    while time.monotonic() < end:
                        if kind == "roster":
                            await ws.send(message(client, "echo", msg_type="presence", cmd="roster",
                                                  payload={"offset": 500 * (i % 10)}))
                            await asyncio.sleep(0.01)
                        elif kind == "heartbeat":
                            await ws.send(message(client, "echo", msg_type="heartbeat"))
                            await asyncio.sleep(0.01)
                        else:
                            for _ in range(10):
                                await ws.send(message(client, "group", msg_type="presence", cmd="update",
                                                      payload={"state": {"at": time.monotonic()}}))
                            await asyncio.sleep(0.01)
                    receiving.cancel()
            except (websockets.WebSocketException, OSError, asyncio.TimeoutError):
                got["closed"] += 1
                await asyncio.sleep(1)
        return got

    async def all_of_them():
        return await asyncio.gather(*(one(i) for i in range(1 if kind == "state" else 10)))
    sums = asyncio.run(all_of_them())
    return {key: sum(one[key] for one in sums) for key in sums[0]}


async def measure(name, ports, redis_port, seconds, kind, args):
    used = lambda: float(next(l for l in redis(redis_port, [["INFO", "cpu"]]).decode().splitlines()
                              if l.startswith("used_cpu_user:")).split(":")[1])
    before, process = used(), None
    if kind:
        process = subprocess.Popen(
            ["/usr/bin/python3", os.path.abspath(__file__), "--crowd", kind, "--seconds", str(seconds),
             "--ports", ",".join(map(str, ports))], stdout=subprocess.PIPE, text=True)
    (p50, p99, count), off = await asyncio.gather(others(ports, seconds), unready(ports, seconds))
    said = process.communicate(timeout=30)[0].strip() if process else ""
    print(f"{name:28} p50 {p50:7.2f} ms   p99 {p99:7.2f} ms   {count} messages   not ready {off} times   "
          f"Redis {(used() - before) / seconds:5.1%}   {said}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--members", type=int, default=5000)
    parser.add_argument("--dll", default=os.path.join(ROOT, "src/Aether.Api/bin/Release/net10.0/Aether.Api.dll"))
    parser.add_argument("--crowd", help=argparse.SUPPRESS)
    parser.add_argument("--ports", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.crowd:
        print(crowd([int(port) for port in args.ports.split(",")], args.crowd, args.seconds))
        return
    redis_port, ports = free_port(), [free_port(), free_port()]
    processes = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            processes.append(subprocess.Popen(
                ["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
                stdout=subprocess.DEVNULL))
            time.sleep(0.5)
            seed(redis_port, "large", args.members)
            for port in ports:
                processes.append(subprocess.Popen(
                    ["dotnet", args.dll, "--urls", f"http://127.0.0.1:{port}"], cwd=folder,
                    env={**os.environ, "ConnectionStrings__Redis": f"127.0.0.1:{redis_port}"},
                    stdout=subprocess.DEVNULL))
            for port in ports:
                wait_for(lambda: answers(f"http://127.0.0.1:{port}/health/ready"))
            for name, kind in (("(warming up)", "roster"), ("alone", None), ("10 send heartbeats", "heartbeat"),
                               ("10 ask for rosters", "roster"), ("alone", None), ("1 says its state", "state")):
                asyncio.run(measure(name, ports, redis_port, args.seconds, kind, args))
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()


if __name__ == "__main__":
    main()
