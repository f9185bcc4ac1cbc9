"""SMTP: one connection, many messages, and an outcome for every recipient."""
