"""The kinds that Millrace brings along: one file each."""
