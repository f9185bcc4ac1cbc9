"""What can be measured: one file for each measure, or for two that come from the same runs."""
