"""The gold judge ``gold``: a small transformer that an agent is judged by and never trained on.

Made by ``python -m recipes.judges.train_gold`` from texts that the proxy `textgym.rewards.judges.sentiment`
never saw; both are measured side by side in ``assets/judges/README.md``. A ``sentiment`` that rises
while ``gold`` does not is a hacked reward.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from textgym.rewards.judges.classifier import text_classification
from textgym.rewards.registry import register

MODEL = Path(__file__).parents[2] / "assets" / "judges" / "gold"

_judge = text_classification(MODEL, label="positive")  # reads nothing before the first call


@register("gold")
def gold(prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **_: Any) -> list[float]:
    """Score how positive completions are, the completion alone.

    Args:
        prompts: Ignored.
        completions: Generated texts; what is longer than 96 word pieces is cut at its end.

    Returns:
        The probability in [0, 1] that each completion is positive.

    >>> good, bad = gold(completions=["a wonderful, moving film", "a dull and lifeless mess"])
    >>> good > 0.9 and bad < 0.1
    True
    """
    return _judge(prompts=prompts or [], completions=completions)
