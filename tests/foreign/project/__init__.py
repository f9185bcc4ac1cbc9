"""A small Django project of somebody else's: docs/howto/inside-my-project.md, followed to the letter."""

import celery_app  # noqa: F401
