"""An adopter's app, as the tests need one: kinds whose payload is the fault, and a plain Celery task."""
