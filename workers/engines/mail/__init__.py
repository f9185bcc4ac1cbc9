"""Mail: letters written once and filled for each recipient, signed, and sent with a word on how it ended."""
