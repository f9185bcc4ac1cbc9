"""Measures Millrace beside its peers: `make bench`. What was found is in docs/explain/performance.md."""
