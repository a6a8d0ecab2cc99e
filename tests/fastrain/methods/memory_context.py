"""The engine in a few lines that `fastrain methods check` trains with."""

from fastrain.conformance.memory_context import DrawFn, MemoryContext

__all__ = ["DrawFn", "MemoryContext"]
