"""How many frames a group costs whose members all come at once.

    python3 bench/presence-storm/storm.py path/to/Aether.Api.dll [clients ...]

Starts a server without Redis, lets full-profile clients join one group, and counts what the server sends about who came.
Told one by one, the k-th to come is told to the k that are there: n * (n + 1) / 2 frames, and somewhat more since those who connect together also
hear of each other. The server gathers the changes of a group of more than 500.
"""

import asyncio
import os
import re
import subprocess
import sys
import time

AT_ONCE = 100
QUIET_S = 1.0
TICKS = os.sysconf("SC_CLK_TCK")


class Counts:
    frames = 0
    bytes = 0
    last = 0.0


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def read_frames(reader: asyncio.StreamReader, counts: Counts) -> None:
    try:
        while True:
            head = await reader.readexactly(2)
            length = head[1] & 127
            if length == 126:
                length = int.from_bytes(await reader.readexactly(2), "big")
            elif length == 127:
                length = int.from_bytes(await reader.readexactly(8), "big")
            body = await reader.readexactly(length)
            if b'"msg_type":"presence"' in body[:64]:
                counts.frames += 1
                counts.bytes += length
                counts.last = time.monotonic()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass


async def connect(port: int, i: int, counts: Counts):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write((
        f"GET /v3/ws/group/storm/client/c{i} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: aether.v3\r\n\r\n").encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 101 " not in head.split(b"\r\n")[0]:
        raise RuntimeError(head.decode())
    return writer, asyncio.create_task(read_frames(reader, counts))


async def storm(port: int, pid: int, clients: int) -> None:
    counts, connections = Counts(), []
    began, cpu = time.monotonic(), cpu_seconds(pid)
    for first in range(0, clients, AT_ONCE):
        some = range(first, min(first + AT_ONCE, clients))
        connections += await asyncio.gather(*(connect(port, i, counts) for i in some))
    joined = time.monotonic() - began
    counts.last = max(counts.last, time.monotonic())
    while time.monotonic() - counts.last < QUIET_S:
        await asyncio.sleep(0.1)
    spent = cpu_seconds(pid) - cpu
    alone = clients * (clients + 1) // 2
    print(
        f"{clients:>8} {joined:>8.1f} {counts.frames:>12,} {counts.frames / clients:>10.1f} "
        f"{counts.bytes / 1e6:>10.1f} {spent:>8.2f} {alone:>14,} {alone / max(counts.frames, 1):>8.1f}", flush=True)
    for writer, reading in connections:
        reading.cancel()
        writer.close()


async def main() -> None:
    print(f"{'clients':>8} {'join s':>8} {'frames':>12} {'a client':>10} {'MB':>10} {'CPU s':>8} {'one by one':>14} "
          f"{'fewer':>8}")
    for clients in [int(n) for n in sys.argv[2:]] or [500, 1_000, 2_000, 5_000]:
        environment = {
            **os.environ,
            "ASPNETCORE_URLS": "http://127.0.0.1:0",
            "Aether__Realtime__SendQueue__Messages": "100000",
            "Aether__Realtime__SendQueue__Bytes": "100000000",
        }
        server = subprocess.Popen(
            ["dotnet", sys.argv[1]], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            for line in server.stdout:
                if found := re.search(r"listens on http://127\.0\.0\.1:(\d+)", line):
                    break
            await storm(int(found.group(1)), server.pid, clients)
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    asyncio.run(main())
