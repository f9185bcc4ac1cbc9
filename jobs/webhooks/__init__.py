"""Webhooks: tell addresses of their owners' choice how jobs end, as Standard Webhooks has it."""
