"""An app of theirs."""
