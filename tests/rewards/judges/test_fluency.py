"""Fluency under a frozen language model."""

import pickle
import random

import numpy as np
import pytest
import torch

from textgym import data, models, rewards
from textgym.errors import UnknownNameError
from textgym.models import load_tokenizer
from textgym.rewards.judges.fluency import BATCH_SIZE, Fluency, fluency

TEXTS = [" is a moving story.", "", " an", "?!", " été 北京 👍", " good" * 30, " \x00", " the of and to"]


@pytest.fixture(scope="module")
def rows():
    columns = data.load("sentiment", "test").columns
    prompts, references = columns["prompt"][:100], columns["reference"][:100]
    return list(prompts), [f" {text}" for text in references]


def by_hand(prompt, completion, tokenizer, model):
    """One text at a time, all logits, from the definition."""
    before = tokenizer.encode(prompt) or [tokenizer.eos_token_id]
    ids = tokenizer.encode(completion)
    with torch.no_grad():
        log_probs = model(torch.tensor([before + ids])).logits[0].log_softmax(-1)
    steps = [log_probs[len(before) + i - 1, token].item() for i, token in enumerate(ids)]
    return 1 / (1 - sum(steps) / len(steps))


def test_it_equals_the_definition(rows):
    """Fails if log-probabilities are shifted by a token, if the prompt's are counted, or texts in one row mix."""
    tokenizer, (model, _) = load_tokenizer(models.DEFAULT), models.load()
    prompts = [*rows[0][:20], "", "A", "The film " * 40]
    completions = [*rows[1][:20], " text", " x", " is good"]
    expected = [by_hand(*pair, tokenizer, model) for pair in zip(prompts, completions, strict=True)]
    assert fluency(prompts=prompts, completions=completions) == pytest.approx(expected, rel=1e-4)


def test_emptiness_range_and_batches():
    texts = TEXTS * (BATCH_SIZE // len(TEXTS) + 2)
    prompts = [f"The film number {i}" for i in range(len(texts))]
    values = fluency(prompts, texts)
    assert all(0 < value < 1 if text else value == 0 for text, value in zip(texts, values, strict=True))
    assert values == pytest.approx([fluency([p], [t])[0] for p, t in zip(prompts, texts, strict=True)], abs=1e-5)
    assert fluency(completions=[]) == [] and fluency(completions=[""]) == [0.0]


def test_real_texts_are_above_shuffled_ones(rows):
    rng = random.Random(0)
    shuffled = [" " + " ".join(rng.sample(text.split(), len(text.split()))) for text in rows[1]]
    real, other = fluency(*rows), fluency(rows[0], shuffled)
    assert np.mean(np.array(real) > other) > 0.95


def test_a_text_fits_its_own_prompt(rows):
    own, others = fluency(*rows), fluency(rows[0][1:] + rows[0][:1], rows[1])
    assert np.mean(np.array(own) > others) > 0.6


def test_ids_are_scored_as_they_were_chosen():
    """Fails if what was generated is tokenised anew: the agent's own spelling has another probability."""
    tokenizer = load_tokenizer(models.DEFAULT)
    text = " wonderful"
    letters = [token for letter in text for token in tokenizer.encode(letter)]
    assert tokenizer.decode(letters) == text and letters != tokenizer.encode(text)
    short, long = fluency(["A"] * 2, [text] * 2, completion_ids=[tokenizer.encode(text), letters])
    assert fluency(["A"], [text])[0] == pytest.approx(short, rel=1e-4) != pytest.approx(long, rel=0.01)


@pytest.mark.parametrize("ids", [[49_000, 7], [5, 6, 7], []])
def test_ids_of_another_vocabulary_are_not_used(ids):
    """Fails with an index error, or with the score of another text."""
    assert fluency(["A"], [" wonderful"], completion_ids=[ids]) == pytest.approx(fluency(["A"], [" wonderful"]))


def test_longer_texts_than_the_context_are_cut_at_their_beginning():
    end = " and the film is good" * 200
    long, short = fluency(["A" * 5000, "B"], [end, end])
    assert long == pytest.approx(short, rel=1e-4) != pytest.approx(fluency(["B"], [end[:400]])[0], rel=0.01)


def test_any_model(tmp_path):
    """Fails if the model is fixed, or shared by all instances."""
    model, tokenizer = models.load()
    with torch.no_grad():
        model.transformer.wte.weight.zero_()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    uniform = Fluency(str(tmp_path))
    assert uniform(["A"], [" film"])[0] == pytest.approx(1 / (1 + np.log(4096)), rel=1e-5)
    assert fluency(["A"], [" film"])[0] != pytest.approx(uniform(["A"], [" film"])[0], rel=0.01)
    assert len(pickle.dumps(uniform)) < 500 and pickle.loads(pickle.dumps(uniform))(["A"], [" film"])
    with pytest.raises(UnknownNameError, match="Did you mean 'textgym-tiny'"):
        Fluency("textgym-tin")(["A"], [" film"])


def test_registered():
    assert rewards.get("fluency") is fluency
    assert rewards.RewardFunctions([Fluency(), "fluency"]).names == ["fluency", "fluency_2"]
