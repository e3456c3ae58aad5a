"""The token that the Python of docs/tokens.md makes, as it stands on the page: a server with the page's settings takes it."""

import asyncio
import base64
import json
import re
import unittest

import websockets

from processes import PATIENCE, REPOSITORY, Aether, Redis

PAGE = (REPOSITORY / "docs/tokens.md").read_text()


def load_maker():
    """What the page's code defines."""
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    maker = {}
    exec(compile(code, "tokens.md", "exec"), maker)
    return maker["make_token"]


def load_settings():
    """What the page sets in the environment, of its first example."""
    [first, *_] = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return dict(re.findall(r"^export Aether__Realtime__(\S+?)=(.*)$", first, re.MULTILINE))


class TokensPage(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.settings = load_settings()
        cls.redis = Redis()
        cls.addClassCleanup(cls.redis.stop)
        cls.aether = Aether(cls.redis.port, **cls.settings)
        cls.addClassCleanup(cls.aether.kill)

    async def welcome(self, secret):
        token = load_maker()("ctl-17", ["press-7"], secret)
        entry = "aether.auth." + base64.urlsafe_b64encode(token.encode()).rstrip(b"=").decode()
        async with websockets.connect(
            f"ws://{self.aether.address}/v3/ws/group/press-7/client/ctl-17", subprotocols=["aether.v3", entry]
        ) as socket:
            return json.loads(await asyncio.wait_for(socket.recv(), PATIENCE))

    async def test_token_lets_its_client_in(self):
        welcome = await self.welcome(self.settings["Tokens__Keys__0__Secret"])
        self.assertEqual(("welcome", []), (welcome["cmd"], welcome["payload"]["permissions"]))
        self.assertIn("expires_at", welcome["payload"])

    async def test_token_of_another_secret_does_not(self):
        with self.assertRaises(websockets.InvalidHandshake):
            await self.welcome("another-secret-0123456789abcdef0123456789abcdef")


if __name__ == "__main__":
    unittest.main()
