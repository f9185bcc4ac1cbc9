"""The door for programs: HTTP and JSON under `/api/v1`, by django-ninja.

An operation parses, calls one verb and answers. What goes wrong is an RFC 9457 problem, whatever it was.
"""
