"""The control arm: plain Celery with good settings, under the same faults.

A fault that hurts nobody proves nothing.
"""
