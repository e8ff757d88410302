"""``python -m textgym`` is the command ``textgym``."""

from textgym.cli import app

app(prog_name="textgym")
