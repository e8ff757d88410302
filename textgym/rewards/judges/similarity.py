"""The reward ``similarity``: how close a completion comes to its reference in what its words mean, without torch.

The word vectors are made by ``python -m recipes.judges.train_vectors``; how good they are stands in
``assets/vectors/README.md``. The order of words does not count, and a negation hardly does, as an optimiser will find.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from textgym.metrics import Reference, best
from textgym.rewards.contract import per_text
from textgym.rewards.judges.words import words
from textgym.rewards.registry import register

VECTORS = Path(__file__).parents[2] / "assets" / "vectors" / "vectors.npz"


class WordVectors:
    """Vectors of d numbers that add up to that of a text (Arora et al., 2017, https://openreview.net/forum?id=SyK00v5xx).

    A word that is not among them has a vector of random signs that depend on the word alone: it resembles no other
    word, but the same name in two texts makes them similar.

    Args:
        path: An ``.npz`` file with ``words`` (UTF-8 bytes, one a line), ``vectors`` (int8, (V, d)), in which frequent
            words are short and what all texts share is removed, and ``scale`` (float32, (V,)), which they are to be
            multiplied by.
    """

    def __init__(self, path: Path = VECTORS) -> None:
        with np.load(path) as arrays:
            self.words = arrays["words"].tobytes().decode("utf-8").split("\n")
            self.vectors = arrays["vectors"] * arrays["scale"][:, None]  # float32, (V, d)
        self._index = {word: i for i, word in enumerate(self.words)}
        # half of a known word's: what nobody knows should not outvote what is known
        self._unknown_length = float(np.median(np.linalg.norm(self.vectors, axis=1))) / 2

    def embed(self, text: str) -> np.ndarray:
        """The sum of a text's vectors, float32 (d,); zeros for a text without words."""
        found = words(text)
        total = self.vectors[[self._index[word] for word in found if word in self._index]].sum(0)
        for word in found:
            if word not in self._index:
                total += self._unknown(word)
        return total

    def _unknown(self, word: str) -> np.ndarray:
        d = self.vectors.shape[1]
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=-(-d // 8)).digest()
        signs = np.unpackbits(np.frombuffer(digest, np.uint8))[:d].astype(np.float32) * 2 - 1
        return signs * np.float32(self._unknown_length / np.sqrt(d))


@lru_cache(maxsize=1)
def word_vectors() -> WordVectors:
    """The embedded vectors, read at the first call."""
    return WordVectors()


@lru_cache(maxsize=20_000)
def _embedded(text: str) -> np.ndarray:
    """A text's vector; references come again and again."""
    return word_vectors().embed(text)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """The cosine of two vectors, from [-1, 1] moved to [0, 1]; 1.0 if both are zero, 0.0 if one is.

    Rounded to six digits, so that equal texts score exactly 1.0.

    >>> cosine(np.array([1.0, 0.0]), np.array([0.0, 2.0])), cosine(np.zeros(2), np.zeros(2))
    (0.5, 1.0)
    """
    norm = float(np.sqrt((a @ a) * (b @ b)))
    if not norm:
        return float(not a.any() and not b.any())
    return round((1 + float(a @ b) / norm) / 2, 6)


def closeness(completion: str, reference: Reference) -> float:
    """What the reward `similarity` says of one text."""
    return best(lambda a, b: cosine(_embedded(a), _embedded(b)), completion, reference)


@register("similarity")
@per_text
def similarity(completion: str, reference: Reference) -> float:
    """Cosine of the sums of small embedded word vectors, moved to [0, 1]; about 0.5 for texts that are unrelated.

    >>> texts, references = ["a very good film"] * 2, ["a great movie", "the capital of Peru"]
    >>> like, unlike = similarity(completions=texts, reference=references)
    >>> like > 0.8 > unlike
    True
    """
    return closeness(completion, reference)
