"""A transformers text-classification model as a reward."""

import pickle

import pytest

from textgym import rewards
from textgym.errors import ConfigurationError
from textgym.rewards.classifier import BATCH_SIZE, label_index


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A BERT of random weights, tiny."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    path = tmp_path_factory.mktemp("models") / "judge"
    path.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"]
    (path / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(path / "vocab.txt"), model_max_length=16).save_pretrained(path)
    config = BertConfig(
        vocab_size=len(words), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        max_position_embeddings=16, id2label={0: "NEGATIVE", 1: "POSITIVE"}, label2id={"NEGATIVE": 0, "POSITIVE": 1},
        initializer_range=1.0,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertForSequenceClassification(config).save_pretrained(path)
    return path


def test_probabilities_do_not_depend_on_the_batch(folder):
    texts = ["good film", "bad", "film film film", "good"] * (BATCH_SIZE // 3) + ["good " * 50]
    reward = rewards.get(str(folder))
    together = reward(["p"] * len(texts), texts)
    assert together == pytest.approx([reward(completions=[text])[0] for text in texts], abs=1e-6)
    assert all(0 < value < 1 for value in together) and len(set(together)) > 2


def test_labels_add_up_to_one(folder):
    texts = ["good film", "bad film"]
    positive = rewards.text_classification(folder)(completions=texts)
    negative = rewards.text_classification(folder, label="NEGATIVE")(completions=texts)
    assert [a + b for a, b in zip(positive, negative, strict=True)] == pytest.approx([1.0, 1.0])


def test_pickles_without_its_weights(folder):
    # environments go to other processes by pickle
    reward = rewards.text_classification(folder)
    value = reward(completions=["good"])
    data = pickle.dumps(reward)
    assert len(data) < 1000
    assert pickle.loads(data)(completions=["good"]) == value
    assert rewards.RewardFunctions(str(folder)).names == ["judge"]


@pytest.mark.parametrize(
    ("labels", "label", "expected"),
    [(["NEG", "POS"], None, 1), (["positive", "neutral", "negative"], None, 0), (["LABEL_0", "LABEL_1"], None, 1),
     (["score"], None, 0), (["joy", "anger", "fear"], "anger", 1)],
)  # fmt: skip
def test_which_label_is_rewarded(labels, label, expected, tmp_path):
    assert label_index(dict(enumerate(labels)), label, tmp_path) == expected


@pytest.mark.parametrize(("labels", "label"), [(["joy", "anger", "fear"], None), (["NEG", "POS"], "positive")])
def test_label_that_is_not_there(labels, label, tmp_path):
    with pytest.raises(ConfigurationError, match=f"its labels: {', '.join(labels)}"):
        label_index(dict(enumerate(labels)), label, tmp_path)


def test_folder_without_a_model(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no config\.json"):
        rewards.text_classification(tmp_path)(completions=["good"])
