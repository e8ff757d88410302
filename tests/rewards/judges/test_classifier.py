"""Transformers models that classify texts or tokens as rewards."""

import json
import math
import pickle
import random
import shutil
from collections import Counter
from types import SimpleNamespace

import huggingface_hub
import pytest
from seqeval.metrics.sequence_labeling import get_entities

from textgym import rewards
from textgym.errors import ConfigurationError, UnknownNameError
from textgym.rewards.judges.classifier import (
    BATCH_SIZE,
    TextClassification,
    TokenClassification,
    classification,
    context,
    label_index,
    spans,
    text_classification,
    token_classification,
)

TAGS = {
    "[UNK]": "O",
    "ada": "B-PER",
    "love": "I-PER",
    "##lace": "B-LOC",
    "london": "B-LOC",
    "film": "O",
    "york": "I-LOC",
}
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


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


@pytest.mark.parametrize("judge", [text_classification, token_classification, classification])
@pytest.mark.parametrize("path", ["x" * 300, "nul\0"])
def test_what_is_no_path(judge, path):
    with pytest.raises(ConfigurationError, match=r"is no path .*Give that of a folder"):
        judge(path)


def test_weights_that_may_run_code_are_not_read(folder, tmp_path):
    import torch
    from safetensors.torch import load_file

    model = shutil.copytree(folder, tmp_path / "judge")
    torch.save(load_file(model / "model.safetensors"), model / "pytorch_model.bin")
    (model / "model.safetensors").unlink()
    with pytest.raises(ConfigurationError, match=r"no weights in a \.safetensors file; .*pytorch_model\.bin.*save_pre"):
        rewards.text_classification(model)(completions=["good"])


def test_code_that_a_model_brings_is_not_run(folder, tmp_path, monkeypatch):
    model = shutil.copytree(folder, tmp_path / "judge")
    config = json.loads((model / "config.json").read_text())
    remote = {"AutoConfig": "code.Config", "AutoModelForSequenceClassification": "code.Model"}
    (model / "config.json").write_text(json.dumps(config | {"model_type": "foreign", "auto_map": remote}))
    (model / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.setattr("builtins.input", lambda *_: "y")  # what transformers asks where it is not told
    with pytest.raises(ConfigurationError, match=r"(?s)cannot be loaded .*textgym runs no code of a model's"):
        rewards.text_classification(model)(completions=["good"])
    assert not (tmp_path / "ran").exists()


def test_a_broken_model_is_named(folder, tmp_path):
    model = shutil.copytree(folder, tmp_path / "judge")
    (model / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ConfigurationError, match=r"judge cannot be loaded \(.*give the whole folder"):
        rewards.text_classification(model)(completions=["good"])


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The hub's cache, offline; what is put there has been downloaded before."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_a_hub_id_is_a_reward_like_the_folder(folder, hub):
    model = hub / "models--organisation--judge"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("0" * 40)
    shutil.copytree(folder, model / "snapshots" / ("0" * 40))
    functions = rewards.RewardFunctions("organisation/judge")
    assert functions.names == ["judge"]
    assert functions.functions[0].path.samefile(model / "snapshots" / ("0" * 40))  # which task_hash looks into
    texts = ["good film", "bad"]
    for reward in (functions.functions[0], rewards.text_classification("organisation/judge", label="POSITIVE")):
        assert reward(completions=texts) == rewards.get(str(folder))(completions=texts)


def test_a_hub_id_that_the_hub_does_not_give(hub):
    with pytest.raises(UnknownNameError, match=r"reward 'organisation/other'\. It is no folder, and the hub did not"):
        rewards.get("organisation/other")


@pytest.fixture(scope="module")
def save_tagger(tmp_path_factory):
    """Save a BERT that tags with `LABELS`, its weights set by a function of the model and the tokenizer's words."""
    import torch
    from transformers import BertConfig, BertForTokenClassification, BertTokenizerFast

    def save(name, layers, set_weights):
        path = tmp_path_factory.mktemp("models") / name
        path.mkdir()
        words = ["[PAD]", "[CLS]", "[SEP]", "[MASK]", *TAGS]
        (path / "vocab.txt").write_text("\n".join(words))
        BertTokenizerFast(str(path / "vocab.txt"), model_max_length=16).save_pretrained(path)
        config = BertConfig(
            vocab_size=len(words), hidden_size=len(LABELS), num_hidden_layers=layers, num_attention_heads=1,
            intermediate_size=8, max_position_embeddings=16, initializer_range=1.0,
            id2label=dict(enumerate(LABELS)), label2id={label: i for i, label in enumerate(LABELS)},
        )  # fmt: skip
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)
            model = BertForTokenClassification(config)
            set_weights(model, words)
        model.save_pretrained(path)
        return path

    return save


@pytest.fixture(scope="module")
def random_tagger(save_tagger):
    return save_tagger("random", 1, lambda model, words: None)


@pytest.fixture(scope="module")
def tagger(save_tagger):
    """Without layers, so that a token's label depends on the token alone: that of `TAGS`."""
    import torch

    def set_weights(model, words):
        embeddings = model.bert.embeddings
        for table in (embeddings.word_embeddings, embeddings.position_embeddings, embeddings.token_type_embeddings):
            table.weight.zero_()
        for i, word in enumerate(words):
            # what is no word is tagged too, and must not be taken for one
            embeddings.word_embeddings.weight[i, LABELS.index(TAGS.get(word, "B-PER"))] = 1.0
        model.classifier.weight.copy_(torch.eye(len(LABELS)))
        model.classifier.bias.zero_()

    return save_tagger("tagger", 0, set_weights)


def test_entities_are_words_as_they_are_written(tagger):
    texts = ["Ada  Lovelace, London York; London film Love", "", "a film", "York London"]
    assert TokenClassification(tagger).entities(texts) == {
        texts[0]: Counter([("PER", "Ada Lovelace"), ("LOC", "London York"), ("LOC", "London"), ("PER", "Love")]),
        "": Counter(),
        "a film": Counter(),
        "York London": Counter([("LOC", "York"), ("LOC", "London")]),
    }


@pytest.mark.parametrize(
    ("completion", "reference", "expected"),
    [
        ("Of Ada Lovelace, a film", "Ada Lovelace", 1.0),
        ("a film of London", "Ada in London", 2 / 3),
        ("London London", "London", 2 / 3),
        ("Ada", ["London", "a film by Ada"], 1.0),
        ("Ada Lovelace", "Ada", 0.0),
        ("film", "", 1.0),
        ("film", "Ada", 0.0),
        ("film", None, None),
    ],
)
def test_f1_of_the_entities_in_two_texts(tagger, completion, reference, expected):
    reward = rewards.token_classification(tagger, column="summary")
    assert reward(["p"], [completion], summary=[reference]) == [pytest.approx(expected) if expected else expected]


@pytest.mark.parametrize("stated", [10, None])
@pytest.mark.parametrize("kind", ["Bert", "Roberta"])
@pytest.mark.parametrize("task", ["SequenceClassification", "TokenClassification"])
def test_long_texts_are_cut_at_what_tokenizer_and_model_can_take(task, kind, stated, tmp_path):
    """Else the model raises: BERT at the positions that it has, RoBERTa, which begins after padding's, two earlier."""
    import torch
    import transformers

    words = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]", "good", "bad"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    lengths = {} if stated is None else {"model_max_length": stated}
    transformers.BertTokenizerFast(str(tmp_path / "vocab.txt"), **lengths).save_pretrained(tmp_path)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(words), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        max_position_embeddings=64, pad_token_id=1, initializer_range=1.0,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        getattr(transformers, f"{kind}For{task}")(config).save_pretrained(tmp_path)

    taken = stated or {"Bert": 64, "Roberta": 62}[kind]
    fitting = "good " * (taken - 3) + "bad"  # and two special tokens
    longer = fitting + " bad" * 200
    reward = rewards.get(str(tmp_path))
    assert [batch.attention_mask.sum(1).tolist() for _, batch in reward._logits([fitting, longer])] == [[taken] * 2]
    assert reward(completions=[longer], reference=[fitting]) == reward(completions=[fitting], reference=[fitting])


def test_models_that_take_texts_of_any_length():
    # XLNet says -1, at which every text would be cut to nothing
    from transformers import T5Config, XLNetConfig

    assert [context(SimpleNamespace(config=config())) for config in (XLNetConfig, T5Config)] == [math.inf] * 2


@pytest.mark.parametrize("name", ["tagger", "random_tagger"])
def test_tags_do_not_depend_on_the_batch(name, request):
    rng = random.Random(0)
    texts = [
        " ".join(rng.choices(["Ada", "Lovelace", "film", "London", "York"], k=rng.randint(1, 7))) for _ in range(80)
    ]
    references = texts[1:] + texts[:1]
    reward = rewards.get(str(request.getfixturevalue(name)))
    together = reward(completions=texts, reference=references)
    alone = [reward(completions=[a], reference=[b])[0] for a, b in zip(texts, references, strict=True)]
    swapped = reward(completions=references, reference=texts)
    assert together == alone == pytest.approx(swapped)
    assert len(set(together)) > 5
    assert reward(completions=texts, reference=texts) == [1.0] * len(texts)
    assert pickle.loads(pickle.dumps(reward))(completions=texts, reference=references) == together


def test_spans_equal_seqevals():
    rng = random.Random(0)
    for _ in range(300):
        tags = rng.choices([*LABELS, "B-MISC-X", "I-MISC-X"], k=rng.randint(0, 12))
        found = [(kind, start, end - 1) for kind, start, end in spans((tag, i, i + 1) for i, tag in enumerate(tags))]
        assert found == get_entities(tags)
    assert spans([("LOC", 0, 1), ("LOC", 2, 3), ("O", 4, 5), ("LOC", 6, 7)]) == [("LOC", 0, 3), ("LOC", 6, 7)]


def test_the_folder_says_what_it_classifies(folder, tagger, tmp_path):
    assert isinstance(rewards.get(str(folder)), TextClassification)
    assert isinstance(rewards.get(str(tagger)), TokenClassification)
    (tmp_path / "config.json").write_text("{}")  # saved by hand
    assert isinstance(classification(tmp_path), TextClassification)
    for content in ("{", json.dumps([1])):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(ConfigurationError, match=r"config\.json is no model's configuration"):
            classification(tmp_path)


def test_data_without_references(tagger):
    with pytest.raises(ConfigurationError, match="column 'reference', which the data set does not have"):
        rewards.token_classification(tagger)(completions=["Ada"])
