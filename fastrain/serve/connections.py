"""Connections that are bounded in number, and in the time that a request may take to begin."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from fastrain.serve.limits import Limits, Refusal


class BoundedConnection(H11Protocol):
    """An HTTP connection of uvicorn with a limit of connections and of the time before a request.

    What uvicorn itself says in plain text is said in JSON here. A body that goes on after its request was answered, as
    one that was refused for its size, is read and dropped as long as a request may take to begin: a client that sends
    first and reads then sees the answer.
    """

    limits = Limits()
    refused: Any = staticmethod(lambda kind: None)
    """Counts a refusal by its kind."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or answer that there are too many."""
        super().connection_made(transport)  # type: ignore[arg-type]
        if len(self.connections) > self.limits.connections:
            self._close_with(
                Refusal(503, "too many connections", f"at most {self.limits.connections} are open at once; try again")
            )
        else:
            self._expect_a_request()

    def data_received(self, data: bytes) -> None:
        """Go on with what came; the clock runs until a request is complete but for its body."""
        if self.transport.is_closing():
            return
        if self._between_requests():
            self._expect_a_request()
        super().data_received(data)
        if not self._between_requests():
            self._no_longer()

    def on_response_complete(self) -> None:
        """Go on to the next request; the clock runs, also for a body that nobody reads any more."""
        super().on_response_complete()
        if self._between_requests() and not self.transport.is_closing():
            self._expect_a_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clock."""
        self._no_longer()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._close_with(Refusal(400, "no HTTP", msg.rstrip(".")))

    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_a_request(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.limits.head_seconds, self._late)

    def _no_longer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self.transport.is_closing() or not self._between_requests():
            return
        if self.cycle is None:
            words = f"no whole request head within {self.limits.head_seconds:g} s"
            self._close_with(Refusal(408, "too slow", words))
        else:
            self.transport.close()

    def _close_with(self, refusal: Refusal) -> None:
        self.refused(refusal.kind)
        self.transport.write(refusal.response())
        self.transport.close()


def bounded(limits: Limits, refused: Any) -> type[BoundedConnection]:
    """Return the protocol with these limits."""
    return type("Bounded", (BoundedConnection,), {"limits": limits, "refused": staticmethod(refused)})
