"""Slot errors, counted by hand."""

import pytest

from textgym.metrics import slot_errors

SLOTS = ["Ada Lovelace", "English", "mathematician", "1815"]


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("Ada Lovelace was an English mathematician born in 1815.", 0),
        (
            "Born in 1815, the English mathematicians' friend Ada Lovelace wrote. She was a poet.",
            0,
        ),  # any order, endings
        ("Ada Lovelace was an English mathematician.", 1 / 4),
        ("Ada was an English mathematician born in 1815.", 1 / 4),  # half a name is none
        ("Ada Lovelace was an English mathematician born in 1816.", 2 / 5),  # 1815 is missing, 1816 made up
        ("Ada Lovelace was a French mathematician born in 1815 in France.", 3 / 6),
        ("Ada Lovelace was an English mathematician born in 1815, in 1815 or 1816, 1816.", 1 / 5),  # each once
        ("  “Ada Lovelace” was an English mathematician. 1815 it was! Yes", 0),  # beginnings of sentences
        ("", 1),
        ("It rained in Rome.", 1),
    ],
)
def test_missing_and_made_up_are_counted(completion, expected):
    assert slot_errors(completion, SLOTS) == pytest.approx(expected)


def test_other_scripts_and_figures():
    assert slot_errors("北京有2153万人", ["北京", "2153"]) == 0
    assert slot_errors("It has 1,500 rooms in Ada's house", ["1,500", "Ada"]) == 0  # one figure, and no second name
    assert slot_errors("It has 1,500 rooms", ["500", "1"]) == 1


def test_a_long_text_takes_linear_time():
    """Fails, by running for minutes, if every word looks back to the beginning of its sentence."""
    text = "...! " * 200_000 + "Rome " * 20_000
    assert slot_errors(text, ["Rome"]) == 0


def test_without_slots_only_inventions_count():
    assert [slot_errors(text, []) for text in ("", "It rained.", "It rained in Rome.")] == [0, 0, 1]


def test_figures_in_names_and_accents():
    """Fails if only ASCII letters are capitals, or a figure counts only where it stands alone."""
    assert slot_errors("Born in Évora, B747 pilot", ["Évora", "B747"]) == 0
    assert slot_errors("Born in Évora, B747 pilot", ["pilot"]) == pytest.approx(2 / 3)


def test_slots_may_be_written_as_one_text():
    # a CSV file holds nothing else; read letter by letter it would be a list of letters
    text = "Ada Lovelace was an English mathematician."
    assert slot_errors(text, "; ".join(SLOTS)) == slot_errors(text, SLOTS) == 1 / 4
