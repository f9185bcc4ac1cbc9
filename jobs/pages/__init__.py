"""The web pages: rendered here, live by htmx, whole without JavaScript.

A view parses, calls one verb, answers.
"""
