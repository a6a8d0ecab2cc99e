"""Connect to a Ray cluster, or start one on this machine; what is scheduled there, and how, is Ray's."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from fasdata.errors import UserError

RETRIES = 8  # times that Ray starts a task again because its node was lost


def require_ray() -> None:
    """Check that Ray is installed.

    Raises:
        UserError: it is not.
    """
    if find_spec("ray") is None:
        raise UserError("--executor ray needs the package ray", do="pip install 'fasdata[ray]', here and on every node")


@contextmanager
def ray_cluster(address: str = "", cores: int | None = None) -> Iterator[Any]:
    """Give the module `ray`, connected to the cluster at `address`, else $RAY_ADDRESS, else to one of this machine.

    A connection that exists already is used, and stays. `cores` are those of a cluster that is started here; by default
    all there are.

    Raises:
        UserError: no cluster is at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    import ray

    if ray.is_initialized():
        yield ray
        return
    address = address or os.environ.get("RAY_ADDRESS", "")
    _require_answer(address)
    where: dict[str, Any] = {"address": address} if address else {"address": "local", "num_cpus": cores}
    try:
        ray.init(**where, include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(
            f"no Ray cluster can be used at {address or 'this machine'}", found=" ".join(str(error).split())[:200]
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Check that something listens at the address: Ray itself would try for minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not (colon and port.isdigit()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"nothing answers at {address}", expected="the head of a Ray cluster, host:port", found=str(error)
        ) from None
