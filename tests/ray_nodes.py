"""A Ray cluster on this machine, for tests."""

from __future__ import annotations

import os
from typing import Any

ATTEMPTS = 3  # Ray gives a node half a minute to start, which a busy machine may not do


def ray_nodes(nodes: int) -> Any:
    """Return a cluster whose head does no work, with so many nodes of one core each; the caller shuts it down."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 (by default Ray's processes give way to all others)
    from ray.cluster_utils import Cluster

    for attempt in range(1, ATTEMPTS + 1):
        made = None
        try:
            made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
            for _ in range(nodes):
                made.add_node(num_cpus=1)
            return made
        except Exception:  # Ray's own, of no type of its own
            if made is not None:
                made.shutdown()
            if attempt == ATTEMPTS:
                raise
    raise AssertionError
