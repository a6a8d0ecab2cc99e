from tests.engine.conftest import library

__all__ = ["library"]
