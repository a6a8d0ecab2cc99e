"""Import what every run imports; the server of a sweep's processes loads this once for all of them."""

from fastrain.evaluation import averaged
from fastrain.report import run_report
from fastrain.run import conclude, run, session

__all__ = ["averaged", "conclude", "run", "run_report", "session"]
