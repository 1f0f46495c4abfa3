"""The bare peer of `/decide`: FastAPI, zen-engine with a static loader, one INSERT on a pooled connection.

It has no tenant, key, ledger, event, encryption or explanation: what remains is what any such service does.
``PEER_DSN`` names the database; the table is made at the start.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import zen
from fastapi import FastAPI
from psycopg_pool import AsyncConnectionPool

RULES = [
    ("credit_score < 550", "reject"),
    ("dti > 0.6", "reject"),
    ("credit_score >= 700 and dti <= 0.35", "approve"),
    ("credit_score >= 650 and dti <= 0.45 and income_verified", "approve"),
    ("", "review"),
]


def _graph() -> dict[str, Any]:
    table = {
        "hitPolicy": "first",
        "inputs": [{"id": "c", "name": "c"}],
        "outputs": [{"id": "class", "name": "class", "field": "class"}],
        "rules": [
            {"_id": str(n), "c": when, "class": json.dumps(kind)} for n, (when, kind) in enumerate(RULES)
        ],
    }
    nodes = [
        {"id": "in", "type": "inputNode", "name": "in", "position": {"x": 0, "y": 0}},
        {"id": "t", "type": "decisionTableNode", "name": "t", "position": {"x": 1, "y": 0}, "content": table},
        {"id": "out", "type": "outputNode", "name": "out", "position": {"x": 2, "y": 0}},
    ]
    edges = [
        {"id": f"{one}-{two}", "sourceId": one, "targetId": two, "type": "edge"}
        for one, two in (("in", "t"), ("t", "out"))
    ]
    return {"nodes": nodes, "edges": edges}


ENGINE = zen.ZenEngine({"loader": {"type": "static", "content": {"lending": _graph()}}})


@contextlib.asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncConnectionPool(os.environ["PEER_DSN"], min_size=4, max_size=8) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_life)


@app.post("/decide")
async def decide(body: dict[str, Any]) -> dict[str, Any]:
    """Decide, insert, answer."""
    result = await ENGINE.async_evaluate("lending", body["input"])
    answer = {"class": result["result"]["class"]}
    async with app.state.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO peer_decision (input, answer) VALUES (%s, %s)",
            (json.dumps(body["input"]), json.dumps(answer)),
            prepare=True,
        )
    return answer
