"""Answers that are stated."""

from decimal import Decimal

import numpy as np
import pytest

from textgym import rewards
from textgym.errors import DatasetError
from textgym.rewards.scoring import RewardFunctions
from textgym.rewards.verifiers import states_answer


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("Answer: 42.", 1),
        ("Answer: 42\n", 1),
        ("Answer: 42 \nThat is all", 1),
        ("Answer: 42. That is all", 1),
        ("Answer: 42!", 1),
        ("Answer: 42.0", 1),
        ("Answer: 042", 1),
        ("Answer:\n42", 1),
        # a number that more is made of is not what is stated
        ("Answer: 42 + 5", 0),
        ("Answer: 42/7", 0),
        ("Answer: 42%", 0),
        ("Answer: 42.5", 0),
        ("Answer: 42.x", 0),
        ("Answer: 42 or 43", 0),
        ("Answer: 4,2", 0),
        ("Answer: 42,", 0),
        ("Answer: 42e1", 0),
        ("Answer: ٤٢", 0),
        # only what is stated last counts, whatever it is
        ("Answer: fifty. Answer: 42", 1),
        ("Answer: 42. Answer: fifty", 0),
        ("Answer: 42. Answer:", 0),
        ("answer: 42", 0),
    ],
)
def test_the_whole_statement_is_the_number(completion, expected):
    assert states_answer(completion, "42") == expected


@pytest.mark.parametrize(
    ("completion", "answer", "expected"),
    [
        ("Answer: 1.50", "1.5", 1),
        ("Answer: 15", "1.5", 0),
        ("Answer: 1", "-1", 0),
        ("Answer: -1", "1", 0),
        ("Answer: 1,234", "1234", 1),
        ("Answer: 1234", "1,234", 1),
        ("Answer: -1,234,567.5.", "-1234567.5", 1),
        ("Answer: 12,34", "1234", 0),
        ("Answer: 1234,567", "1234567", 0),
        ("Answer: 42", 42, 1),
        ("Answer: 42", 42.0, 1),
        ("Answer: 42", np.int64(42), 1),
        ("Answer: 0.1", 0.1, 1),
        ("Answer: 0.5", Decimal("0.50"), 1),
        ("Answer: 42", " 42 ", 1),
        ("Answer: 12345678901234567891", "12345678901234567890", 0),  # the same floating-point number
    ],
)
def test_numbers_are_compared_as_numbers(completion, answer, expected):
    assert states_answer(completion, answer) == expected


@pytest.mark.parametrize("answer", ["$42", "42 apples", "", "1/2", "12,34", "nan", True, [42]])
def test_an_answer_that_is_no_number_is_an_error_that_says_so(answer):
    # even where the completion states none, so that it is seen at once and not when the first one does
    with pytest.raises(DatasetError, match=r"is no number\. Write it as"):
        RewardFunctions("arithmetic").score(
            prompts=["p"], completions=["none"], completion_ids=[[1]], columns={"answer": [answer]}, rows=[0]
        )


def test_rows_without_an_answer_are_not_scored():
    assert rewards.get("arithmetic")(completions=["Answer: 1", "Answer: 1"], answer=[None, "1"]) == [None, 1.0]
