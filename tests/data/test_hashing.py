"""Splits that depend on texts alone."""

import subprocess
import sys

import pytest

from recipes import corpora
from textgym.data.hashing import fraction, normalise


def test_fractions_never_change():
    # another function would move rows between the splits of all that is published; SHA-256 of "a" begins with ca978112
    assert fraction("a") == 0xCA978112 / 2**32


@pytest.mark.parametrize(("first", "second"), [("It's a  film .", "its a film"), ("A FILM", "a film")])
def test_renderings_of_one_sentence_are_equal(first, second):
    assert normalise(first) == normalise(second)


def test_data_that_is_used_needs_no_script_that_makes_data():
    code = "import sys, textgym.data as d; d.load('arithmetic'); sys.exit('recipes.corpora' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert corpora.fraction is fraction  # the scripts find it there
