"""What the network of a run sees."""

from __future__ import annotations

from fastrain.rundir import RunDir


def modalities_of(run: RunDir) -> tuple[str, ...]:
    """Return the modalities that a run was configured for; methods without that setting see colour.

    Raises:
        UserError: the configuration is missing or damaged.
    """
    model = run.read_config().get("model")
    named = model.get("modalities") if isinstance(model, dict) else None
    return tuple(map(str, named)) if isinstance(named, list) and named else ("rgb",)
