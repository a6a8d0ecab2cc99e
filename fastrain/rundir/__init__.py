"""The run folder: its files as a run writes them, and the forms in which they are read back."""

from fastrain.rundir.facts import ContestantFacts, ManifestFacts, RunFacts, Selected
from fastrain.rundir.folder import MANIFEST, RunDir, selected_checkpoint
from fastrain.rundir.log import LogLine, read_log
from fastrain.rundir.older_views import older_views, other_views_learned
from fastrain.rundir.result_facts import ProbeFacts, ResultFacts

__all__ = [
    "MANIFEST",
    "ContestantFacts",
    "LogLine",
    "ManifestFacts",
    "ProbeFacts",
    "ResultFacts",
    "RunDir",
    "RunFacts",
    "Selected",
    "older_views",
    "other_views_learned",
    "read_log",
    "selected_checkpoint",
]
