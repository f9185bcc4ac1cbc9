"""The same tiny job in every peer's words. These run in the peers' own environment, never in Millrace's."""
