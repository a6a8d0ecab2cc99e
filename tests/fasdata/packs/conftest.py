from tests.fastrain.conftest import library

__all__ = ["library"]
