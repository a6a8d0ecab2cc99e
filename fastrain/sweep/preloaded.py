"""Import what every run imports; the server of a sweep's processes loads this once for all of them."""

from fastrain.evaluation import averaged
from fastrain.lean_imports import unseen
from fastrain.networks import trunk
from fastrain.report import run_report
from fastrain.run import conclude, run, session

with unseen("torchmetrics"):
    import lightning_fabric

__all__ = ["averaged", "conclude", "lightning_fabric", "run", "run_report", "session", "trunk"]
