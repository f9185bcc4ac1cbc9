"""What the tests of mail share."""

from tests.webhooks.conftest import set_conf

__all__ = ["set_conf"]
