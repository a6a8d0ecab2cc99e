"""The guard before the application: who may ask, for which host, and what every answer says to browsers."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastrain.serve.limits import Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

OPEN = ("/", "/page.js", "/page.css", "/healthz")  # without a token: the page asks for it
LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")
HEADERS = (
    (b"content-security-policy", b"default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
     b"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"), (b"cache-control", b"no-store"),
)  # fmt: skip


class Guard:
    """Lets requests through to an application.

    With a `token` everything but the page itself asks for it. A server on loopback answers to its own names alone:
    else a page of somebody else could have a browser ask it (by a name that leads here).
    """

    def __init__(self, app: Any, token: str = "", own_names: tuple[str, ...] = (), refused: Any = None) -> None:
        self._app, self._token, self._names, self._refused = app, token.encode(), own_names, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        refusal = self._why_not(scope)
        if refusal is None:
            await self._app(scope, receive, with_headers)
            return
        self._refused(refusal.kind)
        headers = [(b"content-type", b"application/json")]
        if refusal.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        await with_headers({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await with_headers({"type": "http.response.body", "body": refusal.body()})

    def _why_not(self, scope: Scope) -> Refusal | None:
        headers = dict(scope["headers"])
        host = _name(headers.get(b"host", b"").decode("latin-1"))
        if self._names and host not in self._names:
            return Refusal(421, "other host", f"this server is {self._names[0]}, not {host[:80]!r}")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if scope["method"] == "POST" and origin and _name(origin.partition("://")[2]) != host:
            return Refusal(403, "other origin", "the page of another origin may not ask here")
        if self._token and scope["path"] not in OPEN:
            given = headers.get(b"authorization", b"")
            if not hmac.compare_digest(given, b"Bearer " + self._token):
                return Refusal(401, "no token", "expected the header Authorization: Bearer TOKEN")
        return None


def _name(authority: str) -> str:
    """Return a host without its port.

    >>> _name("localhost:8000"), _name("[::1]:80"), _name("127.0.0.1")
    ('localhost', '[::1]', '127.0.0.1')
    """
    head, colon, port = authority.lower().rpartition(":")
    return head if colon and port.isdigit() and not head.endswith(":") else authority.lower()
