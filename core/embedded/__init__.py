"""PostgreSQL and Redis from wheels, run as real servers for a machine where nothing was installed."""
