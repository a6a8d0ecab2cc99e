"""What a server takes at most, and the answer to everything that is more."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus

from fasdata.errors import UserError, in_line

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """The limits of a server.

    `body_bytes` of a request, `pixels` of a picture or of a video's frame, `clip_seconds` of a video; `body_seconds` in
    which a body has to arrive, `head_seconds` for what stands before it, `answer_seconds` for a decision. `queue` are
    the requests that are read or judged at once, `connections` those that are open.
    """

    body_bytes: int = 20 * MIB
    pixels: int = 50_000_000
    clip_seconds: float = 30.0
    body_seconds: float = 20.0
    head_seconds: float = 10.0
    answer_seconds: float = 60.0
    queue: int = 32
    connections: int = 256

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise UserError(f"the limit {name.replace('_', ' ')} is {value}", expected="more than 0")

    @property
    def packets(self) -> int:
        """How many packets of a video are counted before it is too long, whatever its times say."""
        return max(1, int(self.clip_seconds * 130))


class Refusal(Exception):
    """A request that gets no judgement: its status, the kind of reason as a word for programs, and one line."""

    def __init__(self, status: int, kind: str, words: str) -> None:
        super().__init__(words)
        self.status, self.kind, self.words = status, kind, in_line(words)

    def body(self) -> bytes:
        """Return the answer as JSON.

        >>> Refusal(413, "too many bytes", "a body of 9 bytes; at most 8 are taken").body()
        b'{"error": {"kind": "too many bytes", "message": "a body of 9 bytes; at most 8 are taken"}}'
        """
        return json.dumps({"error": {"kind": self.kind, "message": self.words}}).encode()

    @property
    def retry(self) -> bool:
        """Whether the same request may be taken later."""
        return self.status == HTTPStatus.SERVICE_UNAVAILABLE

    def response(self) -> bytes:
        """Return the whole response of a connection that is closed with it."""
        head = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            "content-type: application/json",
            f"content-length: {len(self.body())}",
            "connection: close",
            *(["retry-after: 1"] if self.retry else []),
        ]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + self.body()
