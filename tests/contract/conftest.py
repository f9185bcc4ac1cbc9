"""The kinds that the contract holds for, and the servers their examples need."""

from tests.kinds.conftest import post

__all__ = ["post"]
