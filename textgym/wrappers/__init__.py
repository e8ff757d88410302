"""Wrappers of text-generation environments; those of vector environments are in `textgym.wrappers.vector`."""

from textgym.wrappers.fixed_info import FixedInfo
from textgym.wrappers.shortlist import Shortlist, ShortlistAgent, ShortlistSpaces
from textgym.wrappers.whole_response import AnyText, WholeResponse

__all__ = ["AnyText", "FixedInfo", "Shortlist", "ShortlistAgent", "ShortlistSpaces", "WholeResponse"]
