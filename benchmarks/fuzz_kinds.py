"""All kinds of inputs, by name."""

from __future__ import annotations

from fuzz_library import LIBRARY
from fuzz_lists import LISTS
from fuzz_media import MEDIA, Kind
from fuzz_runs import RUNS

KINDS: dict[str, Kind] = {kind.name: kind for kind in (*MEDIA, *LISTS, *LIBRARY, *RUNS)}
