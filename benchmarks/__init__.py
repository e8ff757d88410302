"""Measurements of textgym, run from the repository's root: ``python -m benchmarks.<name>``."""
