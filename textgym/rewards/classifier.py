"""Any transformers text-classification model as a reward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textgym.errors import ConfigurationError
from textgym.models import without_progress_bar

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH_SIZE = 32


def text_classification(path: str | Path, label: str | None = None) -> TextClassification:
    """The probability that a text-classification model gives one of its labels, as a reward function.

    Args:
        path: Folder with a transformers sequence-classification model and its tokenizer.
        label: The rewarded label; by default the one whose name contains "pos", else the second of two.

    Returns:
        A reward function with values in [0, 1] that scores the completion alone.

    Raises:
        ConfigurationError: At the first call: the folder has no model, or the model no such label, or none that is
            evidently positive.
    """
    return TextClassification(path, label)


class TextClassification:
    """See `text_classification`. The model is loaded at the first call, once per process."""

    def __init__(self, path: str | Path, label: str | None = None) -> None:
        self.path = Path(path).expanduser()
        self.label = label
        self.__name__ = self.path.name

    def __call__(self, prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **_: Any) -> list[float]:
        """Score the completions; what is longer than the model's context is cut at its end."""
        import torch

        model, tokenizer = self._loaded
        column = label_index(dict(model.config.id2label or {}), self.label, self.path)
        scores: list[float] = []
        for start in range(0, len(completions), BATCH_SIZE):
            batch = tokenizer(
                list(completions[start : start + BATCH_SIZE]), padding=True, truncation=True, return_tensors="pt"
            )
            with torch.inference_mode():
                logits = model(**batch).logits.float()  # (B, labels)
            probabilities = logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(-1)
            scores += probabilities[:, column].tolist()
        return scores

    @cached_property
    def _loaded(self) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        if not (self.path / "config.json").is_file():  # transformers would take the path for a hub id
            raise ConfigurationError(
                f"{self.path} has no config.json. Give the folder of a transformers text-classification model."
            )
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        with without_progress_bar():
            model = AutoModelForSequenceClassification.from_pretrained(self.path, local_files_only=True)
        return model.eval(), AutoTokenizer.from_pretrained(self.path, local_files_only=True)

    def __getstate__(self) -> dict[str, Any]:
        # environments travel to other processes: they read the weights there again
        return {key: value for key, value in self.__dict__.items() if key != "_loaded"}


def label_index(id2label: Mapping[Any, str], label: str | None, path: Path) -> int:
    """The column of the rewarded label.

    Raises:
        ConfigurationError: There is no such label, or none that is evidently positive.
    """
    found = [i for i, name in id2label.items() if name == label]
    if label is None:
        found = [i for i, name in id2label.items() if "pos" in name.lower()]
        if not found and len(id2label) <= 2:
            found = [len(id2label) - 1]
    if len(found) != 1:
        asked = f"no label {label!r}" if label is not None else "no label that is evidently the positive one"
        raise ConfigurationError(
            f"The model in {path} has {asked}; its labels: {', '.join(id2label.values())}. "
            "Choose one: textgym.rewards.text_classification(path, label=...)."
        )
    return found[0]
