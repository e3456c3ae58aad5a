"""A V3 instance as the founding document describes it: FastAPI, redis.asyncio and a pydantic model.

It knows nothing of the C# server but what the two share on Redis: the three kinds of channel, the Set of a group's
members, and the message. It stands for the platform's Python instances in the tests of interoperation.

    python3 seed_v3_server.py redis://127.0.0.1:6379

Prints the port that it listens on.
"""

import asyncio
import contextlib
import socket
import sys
from datetime import datetime
from typing import Any, Dict, List, Optional

import redis.asyncio as redis
import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ValidationError, validator

INVALID_MESSAGE_SCHEMA = 4000


class WS_Message_V3(BaseModel):
    version: str = "3"
    msg_type: str
    target: str
    from_id: str
    to_id: Optional[str] = None
    group_id: Optional[str] = None
    cmd: Optional[str] = None
    msg: Optional[str] = None
    payload: Dict[str, Any]
    sent_at: datetime

    @validator("msg_type")
    def known_type(cls, value):
        if value not in ("msg", "cmd", "heartbeat", "presence"):
            raise ValueError("must be msg, cmd, heartbeat or presence")
        return value

    @validator("target")
    def known_target(cls, value):
        if value not in ("direct", "group", "broadcast", "echo"):
            raise ValueError("must be direct, group, broadcast or echo")
        return value


class WS_Manager_V3:
    """Names the channels and the presence Set, and publishes."""

    def __init__(self, url: str):
        self.redis = redis.from_url(url, decode_responses=True)

    @staticmethod
    def client_channel(client_id: str) -> str:
        return f"ws:client:{client_id}"

    @staticmethod
    def group_channel(group_id: str) -> str:
        return f"ws:group:{group_id}"

    @staticmethod
    def broadcast_channel() -> str:
        return "ws:broadcast"

    @staticmethod
    def members_key(group_id: str) -> str:
        return "ws:members:{" + group_id + "}"

    def channels_of(self, group_id: str, client_id: str) -> List[str]:
        return [self.client_channel(client_id), self.group_channel(group_id), self.broadcast_channel()]

    async def connect(self, group_id: str, client_id: str) -> None:
        await self.redis.sadd(self.members_key(group_id), client_id)

    async def disconnect(self, group_id: str, client_id: str) -> None:
        await self.redis.srem(self.members_key(group_id), client_id)

    async def publish(self, message: WS_Message_V3, group_id: str) -> None:
        if message.target == "direct":
            channel = self.client_channel(message.to_id)
        elif message.target == "group":
            channel = self.group_channel(message.group_id or group_id)
        else:
            channel = self.broadcast_channel()
        await self.redis.publish(channel, message.json())


def create_app(url: str) -> FastAPI:
    app = FastAPI()
    manager = WS_Manager_V3(url)

    async def receive_from_client(websocket: WebSocket, group_id: str, client_id: str) -> None:
        while True:
            try:
                message = WS_Message_V3.parse_raw(await websocket.receive_text())
            except ValidationError:
                await websocket.close(INVALID_MESSAGE_SCHEMA)
                return
            if message.target == "echo":
                await websocket.send_text(message.json())
            elif message.msg_type != "heartbeat":
                await manager.publish(message, group_id)

    async def send_to_client(websocket: WebSocket, subscription) -> None:
        async for heard in subscription.listen():
            if heard["type"] == "message":
                await websocket.send_text(WS_Message_V3.parse_raw(heard["data"]).json())

    @app.websocket("/v3/ws/group/{group_id}/client/{client_id}")
    async def serve(websocket: WebSocket, group_id: str, client_id: str) -> None:
        subscription = manager.redis.pubsub()
        channels = manager.channels_of(group_id, client_id)
        await subscription.subscribe(*channels)
        for _ in channels:
            # The answer of Redis: what is published from here on is heard.
            await subscription.get_message(timeout=5)
        await manager.connect(group_id, client_id)
        await websocket.accept()
        sending = asyncio.create_task(send_to_client(websocket, subscription))
        try:
            await receive_from_client(websocket, group_id, client_id)
        except WebSocketDisconnect:
            pass
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
            await manager.disconnect(group_id, client_id)
            await subscription.close()

    return app


def main() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(sys.argv[1]), log_level="warning"))
    print(listener.getsockname()[1], flush=True)
    asyncio.run(server.serve(sockets=[listener]))


if __name__ == "__main__":
    main()
