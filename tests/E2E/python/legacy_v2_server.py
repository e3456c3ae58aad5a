"""An instance of the second version: one channel for everything, and every instance sorts out in code what is for whom.

    REDIS_URL=redis://127.0.0.1:6379 python3 -m uvicorn legacy_v2_server:app --host 127.0.0.1 --port 0

Tests run it beside instances that speak the third version, on the same Redis.
"""

import asyncio
import contextlib
import json
import os
from typing import Dict, Tuple

import redis.asyncio as redis
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

CHANNEL = "channel:ws"


class WS_Manager_V2:
    """The connections of this instance, and the one channel that it shares with all others."""

    def __init__(self, url: str):
        self.redis = redis.from_url(url, decode_responses=True)
        self.connections: Dict[WebSocket, Tuple[str, str]] = {}
        self.subscription = self.redis.pubsub()

    async def start(self) -> None:
        await self.subscription.subscribe(CHANNEL)
        # The answer of Redis: what is published from here on is heard.
        await self.subscription.get_message(timeout=5)
        self.listening = asyncio.create_task(self.listen())

    async def publish(self, group_id: str, client_id: str, text: str) -> None:
        envelope = {"target": "group", "group_id": group_id, "to_id": None, "from_id": client_id, "data": text}
        with contextlib.suppress(ValueError):
            said = json.loads(text)
            if isinstance(said, dict) and said.get("target") in ("direct", "group", "broadcast"):
                envelope["target"] = said["target"]
                envelope["to_id"] = said.get("to_id")
                envelope["group_id"] = said.get("group_id") or group_id
        await self.redis.publish(CHANNEL, json.dumps(envelope))

    async def listen(self) -> None:
        async for heard in self.subscription.listen():
            if heard["type"] == "message":
                await self.deliver(json.loads(heard["data"]))

    async def deliver(self, data: dict) -> None:
        for websocket, (group_id, client_id) in list(self.connections.items()):
            if data.get("target") == "group":
                wanted = data.get("group_id") == group_id
            elif data.get("target") == "direct":
                wanted = data.get("to_id") == client_id
            else:
                wanted = data.get("target") == "broadcast"
            if wanted:
                await websocket.send_text(data["data"])


manager = WS_Manager_V2(os.environ["REDIS_URL"])
app = FastAPI()


@app.on_event("startup")
async def start() -> None:
    await manager.start()


@app.websocket("/ws/group/{group_id}/client/{client_id}")
async def serve(websocket: WebSocket, group_id: str, client_id: str) -> None:
    await websocket.accept()
    manager.connections[websocket] = (group_id, client_id)
    try:
        while True:
            await manager.publish(group_id, client_id, await websocket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        del manager.connections[websocket]
