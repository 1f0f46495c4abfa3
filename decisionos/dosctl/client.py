"""HTTP to a DecisionOS server; every failure ends as a Stop with the right exit code."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx

from decisionos.dosctl import exits
from decisionos.dosctl.profiles import Profile

API = "/api/v1"


class Client:
    """One server, one key. ``transport`` stands in for the network in tests."""

    def __init__(
        self, profile: Profile, *, transport: httpx.BaseTransport | None = None, timeout: float = 60.0
    ) -> None:
        self.profile = profile
        headers = {"X-Api-Key": profile.key} if profile.key else {}
        self._http = httpx.Client(
            base_url=profile.url,
            headers=headers,
            transport=transport,
            timeout=timeout,
            follow_redirects=False,
        )

    def close(self) -> None:
        """Release the connection."""
        self._http.close()

    def call(
        self, method: str, path: str, *, root: bool = False, write_key: bool = False, **options: Any
    ) -> Any:
        """Send one request and return the decoded answer; raises Stop.

        ``root`` addresses the server itself instead of the API; ``write_key`` adds an Idempotency-Key.
        """
        response = self._send(method, path if root else API + path, write_key=write_key, **options)
        return _decoded(response)

    def _send(self, method: str, path: str, *, write_key: bool = False, **options: Any) -> httpx.Response:
        headers = dict(options.pop("headers", None) or {})
        if write_key:
            headers.setdefault("Idempotency-Key", str(uuid.uuid4()))
        try:
            response = self._http.request(method, path, headers=headers, **options)
        except httpx.HTTPError as error:
            raise _unreachable(self.profile.url, error) from error
        _refuse(response)
        return response

    def lines(self, method: str, path: str, **options: Any) -> Iterator[str]:
        """Stream the lines of an answer; raises Stop."""
        try:
            with self._http.stream(method, API + path, **options) as response:
                if response.status_code >= 300:
                    response.read()
                    _refuse(response)
                for line in response.iter_lines():
                    if line.strip():
                        yield line
        except httpx.HTTPError as error:
            raise _unreachable(self.profile.url, error) from error

    def pages(self, path: str, params: dict[str, Any], *, most: int) -> list[dict[str, Any]]:
        """Follow the cursor and return at most ``most`` rows."""
        rows: list[dict[str, Any]] = []
        query: dict[str, Any] | None = {**params, "limit": min(most, 500)}
        address = path
        while len(rows) < most:
            answer = self.call("GET", address, params=query)
            if isinstance(answer, list):
                rows += answer
                break
            rows += answer.get("results", [])
            following = answer.get("next")
            if not following:
                break
            # Only the query is taken from the link: the server's own idea of its host does not matter here.
            query = dict(httpx.URL(following).params)
        return rows[:most]


def _unreachable(url: str, error: httpx.HTTPError) -> exits.Stop:
    return exits.Stop(f"{url} does not answer: {str(error) or type(error).__name__}", exits.INFRASTRUCTURE)


def _refuse(response: httpx.Response) -> None:
    if response.status_code < 300:
        return
    if response.status_code < 400:
        target = response.headers.get("Location", "")
        raise exits.Stop(
            f"The server redirects to {target}. Use that address in the profile.", exits.INFRASTRUCTURE
        )
    try:
        problem = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    code = str(problem.get("code", ""))
    message = str(problem.get("detail") or problem.get("title") or f"HTTP {response.status_code}")
    for entry in problem.get("errors", []) or []:
        if isinstance(entry, dict):
            message += f"\n  {entry.get('pointer') or '/'}: {entry.get('message', '')}"
    suffix = f" [{code}]" if code else ""
    raise exits.Stop(message + suffix, exits.code_of(response.status_code, code), problem=problem)


def _decoded(response: httpx.Response) -> Any:
    if response.status_code == 204 or not response.content:
        return {}
    try:
        return response.json()
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise exits.Stop(
            "The server's answer is not JSON. Is the address right?", exits.INFRASTRUCTURE
        ) from error
