"""Wording: what a mail says as a user wrote it, in one language or several.

wording = Wording([Variant(subject="Hello {{ name }}", text="…")])
wording.check(values, "de")       # before anything is sent; raises Unfilled
variant = wording.choose("de-at")
letter(variant)                   # a Letter, once for all; variant.values(…) fills it for each
"""

from workers.engines.wording.letters import letter
from workers.engines.wording.limits import BadWording, Missing, TooMuch, Unfilled
from workers.engines.wording.names import Names
from workers.engines.wording.part import Part
from workers.engines.wording.variants import Variant, Wording

__all__ = ["BadWording", "Missing", "Names", "Part", "TooMuch", "Unfilled", "Variant", "Wording", "letter"]
