"""Data sets: embedded, from an installed package, from a file, from the hub, or a list of dicts."""

from textgym.data.datasets import Dataset, fill, load, names, to_hf

__all__ = ["Dataset", "fill", "load", "names", "to_hf"]
