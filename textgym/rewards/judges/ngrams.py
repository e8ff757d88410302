"""The reward ``ngram_fluency``: how likely an n-gram model finds a completion, without torch.

The model is made by ``python -m recipes.judges.train_ngrams``; how good it is stands in ``assets/ngrams/README.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from textgym.rewards.contract import texts
from textgym.rewards.judges.words import words
from textgym.rewards.registry import register

NGRAMS = Path(__file__).parents[2] / "assets" / "ngrams" / "ngrams.npz"
BEGIN, UNKNOWN = 0, 1  # ids of a text's beginning, which nothing predicts, and of all words that the model lacks
QUANTUM = 1 / 16  # nats


class TrigramModel:
    """Probabilities of words after their two predecessors, backing off to shorter contexts that were seen.

    ``p(w | u v)`` is that of the trigram if the model has it, else the weight of the context ``u v`` times
    ``p(w | v)``, and so on to single words (S. Chen and J. Goodman, 1999, https://doi.org/10.1006/csla.1999.0128).

    Args:
        path: An ``.npz`` file with ``words`` (UTF-8 bytes, one a line, V of them), ``unknown`` (how many words share
            the probability of an unknown one), ``unigrams`` (V, 2) and ``bigrams`` (N, 2), whose columns are the
            log-probability and the logarithm of the weight as a context, ``trigrams`` (M,) log-probabilities, all
            uint8 as minus so many `QUANTUM`; ``bigram_keys`` (N,), differences of the sorted V * v + w, and
            ``trigram_keys`` (M,), those of V * (row of the bigram u v) + w.
    """

    def __init__(self, path: Path = NGRAMS) -> None:
        with np.load(path) as arrays:
            self.words = arrays["words"].tobytes().decode("utf-8").split("\n")
            self._unigrams, self._bigrams, self._trigrams = (
                arrays[name] * np.float32(-QUANTUM) for name in ("unigrams", "bigrams", "trigrams")
            )
            self._bigram_keys, self._trigram_keys = (
                np.cumsum(arrays[name], dtype=np.int64) for name in ("bigram_keys", "trigram_keys")
            )
            self._unknown = np.log(arrays["unknown"], dtype=np.float32)
        self._index = {word: i for i, word in enumerate(self.words)}

    def ids(self, text: str) -> list[int]:
        """The ids of a text's words."""
        return [self._index.get(word, UNKNOWN) for word in words(text)]

    def log_probs(self, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Natural log-probabilities of words w after u and v, all ids (n,); float32 (n,)."""
        size = len(self.words)
        pair, has_pair = found(self._bigram_keys, size * v + w)
        context, has_context = found(self._bigram_keys, size * u + v)
        triple, has_triple = found(self._trigram_keys, np.where(has_context, size * context + w, -1))
        shorter = np.where(has_pair, self._bigrams[pair, 0], self._unigrams[v, 1] + self._unigrams[w, 0])
        backed_off = np.where(has_context, self._bigrams[context, 1], 0) + shorter
        return np.where(has_triple, self._trigrams[triple], backed_off) - self._unknown * (w == UNKNOWN)

    def mean_log_probs(self, prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
        """The mean over each completion's words, after the prompt's last two; minus infinity without words."""
        contexts = [[BEGIN, BEGIN, *self.ids(prompt)][-2:] for prompt in prompts]
        texts = [context + self.ids(text) for context, text in zip(contexts, completions, strict=True)]
        ids = np.array([i for text in texts for i in text], np.int64)
        log_probs = self.log_probs(ids[:-2], ids[1:-1], ids[2:])  # also of the words at the seams, which are left out
        starts = accumulate((len(text) for text in texts), initial=0)
        return [
            float(log_probs[start : start + len(text) - 2].mean()) if len(text) > 2 else -np.inf
            for start, text in zip(starts, texts, strict=False)
        ]


def found(keys: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where sorted keys have the wanted ones (any row where they don't), and whether they do.

    >>> found(np.array([2, 5, 9]), np.array([5, 6, 10]))[1].tolist()
    [True, False, False]
    """
    rows = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return rows, keys[rows] == wanted


@lru_cache(maxsize=1)
def trigram_model() -> TrigramModel:
    """The embedded model, read at the first call."""
    return TrigramModel()


@register("ngram_fluency")
def ngram_fluency(prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **_: Any) -> list[float]:
    """How likely an embedded trigram model finds it after its prompt: 1 / (1 + the logarithm of its perplexity).

    Of words; in (0, 1], and 0.0 for a text without words. It sees three words at a time and needs no torch.

    >>> said, shuffled = ngram_fluency(completions=["This is one of the best films.", "Films this the one best of is."])
    >>> said > shuffled
    True
    """
    before = [""] * len(completions) if prompts is None else texts(prompts)
    return [1 / (1 - mean) for mean in trigram_model().mean_log_probs(before, texts(completions))]
