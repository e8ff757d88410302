"""Whatever an exception says, or cannot say, becomes a text that can be printed and stored."""

from textgym.errors import error_text


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError("of the message")


def test_every_error_has_a_text():
    assert error_text(ValueError("no luck")) == "ValueError: no luck"
    assert error_text(MuteError()) == "MuteError: (its message cannot be read)"
    assert error_text(OSError("file \udcff")) == "OSError: file \\udcff"
