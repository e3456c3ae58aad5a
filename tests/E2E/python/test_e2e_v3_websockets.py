"""The verification plan of the founding document: many concurrent clients of Python's `websockets`, over two instances.

Runs with Debian's own packages (python3-websockets 10.4, python3-redis, python3-fastapi, python3-uvicorn):

    /usr/bin/python3 -m unittest discover -s tests/E2E/python

It starts what it needs: a Redis, two instances of the built server (AETHER_DLL, or the Release build of this tree) and
one instance written in Python after the founding document, all on ports of 127.0.0.1 that are free.
"""

import asyncio
import json
import sys
import time
import unittest
from datetime import datetime, timezone

import websockets

from processes import HERE, PATIENCE, Aether, Process, Redis

FIELDS = ["version", "msg_type", "target", "from_id", "to_id", "group_id", "cmd", "msg", "payload", "sent_at"]


class Seed(Process):
    def __init__(self, redis_port):
        super().__init__(sys.executable, str(HERE / "seed_v3_server.py"), f"redis://127.0.0.1:{redis_port}")
        port = self.wait_for(r"^(\d+)$")[1]
        self.address = f"127.0.0.1:{port}"


# --- clients --------------------------------------------------------------------------------------------------------


class Client:
    """One connection, used as `async with Client(...) as client`."""

    def __init__(self, server, group, name, query="", **options):
        self.group, self.name = group, name
        # The seed knows no profiles: it passes on whatever comes through its channels, also who came and went.
        self.is_told_of_presence = isinstance(server, Seed)
        self.connecting = websockets.connect(
            f"ws://{server.address}/v3/ws/group/{group}/client/{name}{query}",
            open_timeout=PATIENCE,
            # This library does not read pongs while its queue is full, and would close a busy connection as dead.
            ping_interval=None,
            max_queue=None,
            **options,
        )

    async def __aenter__(self):
        self.socket = await self.connecting.__aenter__()
        return self

    async def __aexit__(self, *fault):
        await self.connecting.__aexit__(*fault)

    def message(self, target, msg_type="msg", **fields):
        return {
            "version": "3",
            "msg_type": msg_type,
            "target": target,
            "from_id": self.name,
            "payload": {},
            "sent_at": datetime.now(timezone.utc).isoformat(),
            **fields,
        }

    async def send(self, target, msg_type="msg", **fields):
        await self.socket.send(json.dumps(self.message(target, msg_type, **fields)))

    async def receive(self):
        while True:
            message = json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE))
            if not (self.is_told_of_presence and message["msg_type"] == "presence"):
                return message

    async def closed(self):
        """Code and reason of the close frame."""
        await asyncio.wait_for(self.socket.wait_closed(), PATIENCE)
        return self.socket.close_code, self.socket.close_reason


class Everyone:
    """Many clients at once."""

    def __init__(self, *clients):
        self.clients = clients

    async def __aenter__(self):
        return await asyncio.gather(*(client.__aenter__() for client in self.clients))

    async def __aexit__(self, *fault):
        await asyncio.gather(*(client.__aexit__(*fault) for client in self.clients))


# --- the run's processes --------------------------------------------------------------------------------------------

backplane = first = second = seed = None
running = []


def start(process):
    running.append(process)
    return process


def setUpModule():
    global backplane, first, second, seed
    try:
        backplane = start(Redis())
        first = start(Aether(backplane.port))
        second = start(Aether(backplane.port))
        seed = start(Seed(backplane.port))
    except BaseException:
        tearDownModule()
        raise


def tearDownModule():
    while running:
        running.pop().stop()


class V3Test(unittest.IsolatedAsyncioTestCase):
    """What the tests share. Each test has groups and clients of its own name."""

    async def asyncSetUp(self):
        # unittest turns it on, and then fifty clients take a minute.
        asyncio.get_running_loop().set_debug(False)

    async def eventually(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            await asyncio.sleep(0.02)

    def assert_shape(self, message):
        names = list(message)
        # What is kept says where; what another implementation publishes by itself is not.
        if message["msg_type"] == "cmd" and "pos" in message:
            self.assertEqual("pos", names.pop())
            self.assertRegex(message["pos"], "^[A-Za-z0-9]{1,16}:[1-9][0-9]*$")
        self.assertEqual(FIELDS, names)
        self.assertEqual("3", message["version"])


class OneInstance(V3Test):
    async def test_controller_commands_every_worker_of_its_group(self):
        async with Client(first, "plant", "boss", "?role=controller&echo=off") as boss:
            workers = [Client(first, "plant", f"worker{n}", "?role=worker") for n in range(5)]
            async with Everyone(*workers):
                await boss.send("group", "cmd", cmd="start", payload={"speed": 3})
                for worker in workers:
                    got = await worker.receive()
                    self.assert_shape(got)
                    self.assertEqual(("cmd", "group", "boss"), (got["msg_type"], got["target"], got["from_id"]))
                    self.assertEqual(("plant", "start", {"speed": 3}), (got["group_id"], got["cmd"], got["payload"]))
                    self.assertIsNone(got["to_id"])
                    await worker.send("direct", to_id="boss", msg="started", payload={"by": worker.name})
                answers = [await boss.receive() for _ in workers]
                self.assertEqual({worker.name for worker in workers}, {answer["from_id"] for answer in answers})

    async def test_direct_message_reaches_its_receiver_alone(self):
        async with Client(first, "duo", "a") as a, Client(first, "duo", "b") as b, Client(first, "duo", "c") as c:
            await a.send("direct", "cmd", to_id="b", cmd="only-you")
            got = await b.receive()
            self.assert_shape(got)
            self.assertEqual(("b", "only-you"), (got["to_id"], got["cmd"]))
            await a.send("group", msg="all of you")
            self.assertEqual("all of you", (await c.receive())["msg"])
            self.assertEqual("all of you", (await b.receive())["msg"])

    async def test_broadcast_reaches_every_group(self):
        async with Client(first, "north", "a") as a, Client(first, "south", "b") as b:
            await a.send("broadcast", msg="storm")
            for client in (a, b):
                got = await client.receive()
                self.assert_shape(got)
                self.assertEqual(("broadcast", "storm"), (got["target"], got["msg"]))

    async def test_echo_comes_back_to_its_sender_alone(self):
        async with Client(first, "cave", "a") as a, Client(first, "cave", "b") as b:
            await a.send("echo", msg="hello", payload={"n": 9007199254740993})
            got = await a.receive()
            self.assert_shape(got)
            self.assertEqual(("echo", "hello", {"n": 9007199254740993}), (got["target"], got["msg"], got["payload"]))
            await a.send("group", msg="after")
            self.assertEqual("after", (await b.receive())["msg"])

    async def test_heartbeat_comes_back_with_the_time_of_the_server(self):
        async with Client(first, "heart", "a") as a, Client(first, "heart", "b") as b:
            for beat in range(3):
                await a.send("echo", "heartbeat", payload={"beat": beat}, sent_at="2001-01-01T00:00:00Z")
                got = await a.receive()
                self.assertEqual(("heartbeat", {"beat": beat}), (got["msg_type"], got["payload"]))
                self.assertLess("2001-01-02", got["sent_at"])
            # With another target it is only a sign of life: nothing of it is passed on.
            await a.send("group", "heartbeat")
            await a.send("group", msg="after")
            self.assertEqual("after", (await b.receive())["msg"])

    async def test_groups_hear_nothing_of_each_other(self):
        async with Client(first, "red", "a") as a, Client(first, "red", "b") as b, \
                Client(first, "blue", "c") as c, Client(first, "blue", "d") as d:
            await a.send("group", msg="for red")
            self.assertEqual("for red", (await b.receive())["msg"])
            await c.send("group", msg="for blue")
            self.assertEqual("for blue", (await d.receive())["msg"])
            self.assertEqual("for blue", (await c.receive())["msg"])

    async def test_other_group_is_forbidden_without_the_permission(self):
        async with Client(first, "inside", "a") as a, Client(first, "outside", "b") as b:
            await a.send("group", group_id="outside", msg="let me in", id="m1")
            got = await a.receive()
            self.assertEqual(("error", "m1", "forbidden"), (got["cmd"], got["reply_to"], got["payload"]["code"]))
            await b.send("group", msg="quiet here")
            self.assertEqual("quiet here", (await b.receive())["msg"])

    async def test_invalid_message_closes_with_4000(self):
        cases = {
            "no json": "hello",
            "no object": "[]",
            "no payload": {"payload": None},
            "unknown type": {"msg_type": "shout"},
            "unknown target": {"target": "moon"},
            "another sender": {"from_id": "somebody"},
            "no receiver": {"target": "direct"},
            "no command": {"msg_type": "cmd"},
            "no time": {"sent_at": "yesterday"},
            "other version": {"version": "2"},
        }
        for case, wrong in cases.items():
            with self.subTest(case):
                async with Client(first, "strict", "a") as a:
                    text = wrong if isinstance(wrong, str) else json.dumps({**a.message("group"), **wrong})
                    await a.socket.send(text)
                    code, reason = await a.closed()
                    self.assertEqual(4000, code)
                    field = "message" if isinstance(wrong, str) else next(iter(wrong))
                    expected = {"target": ("target", "to_id"), "msg_type": ("msg_type", "cmd")}.get(field, (field,))
                    self.assertIn(reason.partition(":")[0], expected)
                    self.assertLessEqual(len(reason.encode()), 123)

    async def test_bad_ids_are_refused_before_the_upgrade(self):
        paths = "group/*/client/a", "group/g/client/ws:client:*", "group/g/client/aether", "group/g/client/a%0d%0a"
        for path in paths:
            with self.subTest(path), self.assertRaises(websockets.InvalidStatusCode) as refusal:
                await websockets.connect(f"ws://{first.address}/v3/ws/{path}", open_timeout=PATIENCE)
            self.assertEqual(400, refusal.exception.status_code)

    async def test_full_profile_is_welcomed(self):
        async with Client(first, "formal", "a", subprotocols=["aether.v3"]) as a:
            self.assertEqual("aether.v3", a.socket.subprotocol)
            got = await a.receive()
            self.assertEqual(("aether", "welcome", "a"), (got["from_id"], got["cmd"], got["to_id"]))
            self.assertIn("connection_id", got["payload"])


class TwoInstances(V3Test):
    async def test_fifty_clients_hear_everything_in_each_senders_order(self):
        each = 20
        clients = [Client((first, second)[n % 2], "crowd", f"c{n}") for n in range(50)]
        async with Everyone(*clients):

            async def talk(client):
                for n in range(each):
                    await client.send("group", payload={"n": n})

            async def listen(client):
                return [await client.receive() for _ in range(each * len(clients))]

            *heard, _ = await asyncio.gather(
                *(listen(client) for client in clients), asyncio.gather(*(talk(client) for client in clients))
            )
        sequences = [[(got["from_id"], got["payload"]["n"]) for got in one] for one in heard]
        for client in clients:
            own = [n for name, n in sequences[0] if name == client.name]
            self.assertEqual(list(range(each)), own)
        for sequence in sequences:
            self.assertEqual(sequences[0], sequence)

    async def test_group_direct_and_broadcast_cross_instances(self):
        async with Client(first, "span", "a", "?echo=off") as a, Client(second, "span", "b") as b:
            await a.send("group", msg="group", id="m1")
            await a.send("direct", msg="direct", to_id="b", id="m2")
            await a.send("broadcast", msg="broadcast", id="m3")
            self.assertEqual(
                {"group", "direct", "broadcast"}, {(await b.receive())["msg"] for _ in range(3)})
            acks = {got["reply_to"]: got["payload"] for got in [await a.receive() for _ in range(3)]}
            self.assertEqual({"status": "published", "instances": 2}, acks["m1"])
            self.assertEqual({"status": "published", "instances": 1}, acks["m2"])
            self.assertLessEqual(2, acks["m3"]["instances"])

    async def test_nobody_at_home_is_told(self):
        async with Client(first, "lonely", "a") as a:
            await a.send("direct", to_id="nobody-here", id="m1")
            got = await a.receive()
            self.assertEqual(("error", "recipient_offline"), (got["cmd"], got["payload"]["code"]))

    async def test_members_are_in_the_set_while_they_are_connected(self):
        key = "ws:members:{roll}"
        async with Client(first, "roll", "a"), Client(second, "roll", "b"), Client(second, "roll", "a"):
            self.assertEqual({"a", "b"}, backplane.commands.smembers(key))
        await self.eventually(lambda: not backplane.commands.exists(key), "the members have left")
        channels = backplane.commands.pubsub_channels
        await self.eventually(lambda: not channels("ws:group:roll"), "the channel is given up")


class Interoperation(V3Test):
    """One group over three instances: two of the C# server, one in Python."""

    async def test_group_messages_pass_in_both_directions(self):
        async with Client(first, "mixed", "ours1") as ours1, Client(second, "mixed", "ours2") as ours2, \
                Client(seed, "mixed", "theirs") as theirs:
            for sender in (ours1, theirs):
                await sender.send("group", "cmd", cmd="go", msg="grüße 😀", payload={"deep": [1, {"x": None}]})
                for receiver in (ours1, ours2, theirs):
                    got = await receiver.receive()
                    self.assert_shape(got)
                    self.assertEqual((sender.name, "go", "grüße 😀"), (got["from_id"], got["cmd"], got["msg"]))
                    self.assertEqual({"deep": [1, {"x": None}]}, got["payload"])

    async def test_direct_messages_pass_in_both_directions(self):
        async with Client(first, "pair", "ours") as ours, Client(seed, "pair", "theirs") as theirs:
            await ours.send("direct", to_id="theirs", msg="there", id="m1")
            self.assertEqual("there", (await theirs.receive())["msg"])
            self.assertEqual({"status": "published", "instances": 1}, (await ours.receive())["payload"])
            # A Python client need not name the group; then every connection of the receiver is meant.
            await theirs.send("direct", to_id="ours", msg="and back")
            got = await ours.receive()
            self.assert_shape(got)
            self.assertEqual(("and back", None), (got["msg"], got["group_id"]))

    async def test_broadcasts_pass_in_both_directions(self):
        async with Client(second, "left", "ours") as ours, Client(seed, "right", "theirs") as theirs:
            for sender in (ours, theirs):
                await sender.send("broadcast", msg=f"from {sender.name}")
                for receiver in (ours, theirs):
                    self.assertEqual(f"from {sender.name}", (await receiver.receive())["msg"])

    async def test_groups_stay_apart_between_the_two(self):
        async with Client(first, "mine", "ours") as ours, Client(seed, "yours", "theirs") as theirs:
            await ours.send("group", msg="mine")
            await theirs.send("group", msg="yours")
            self.assertEqual("mine", (await ours.receive())["msg"])
            self.assertEqual("yours", (await theirs.receive())["msg"])

    async def test_members_of_both_are_in_one_set(self):
        key = "ws:members:{shared}"
        async with Client(first, "shared", "ours"), Client(seed, "shared", "theirs"):
            self.assertEqual({"ours", "theirs"}, backplane.commands.smembers(key))
        await self.eventually(lambda: not backplane.commands.exists(key), "both have left")

    async def test_invalid_message_closes_with_4000_at_both(self):
        for server in (first, seed):
            with self.subTest(type(server).__name__):
                async with Client(server, "rules", "a") as a:
                    await a.socket.send("{}")
                    code, _ = await a.closed()
                    self.assertEqual(4000, code)


if __name__ == "__main__":
    unittest.main()
