from tests.fasdata.report.conftest import undrawn

__all__ = ["undrawn"]
