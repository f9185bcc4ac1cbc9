"""`make demo`: the whole system, and one real job of every kind, handed in over HTTP."""
