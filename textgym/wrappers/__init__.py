"""Wrappers of text-generation environments."""

from textgym.wrappers.whole_response import AnyText, WholeResponse

__all__ = ["AnyText", "WholeResponse"]
