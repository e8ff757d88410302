"""Fine-tuning learns what it should, stops when it should, and is a start for the other agents."""

import json
import shutil
from dataclasses import asdict

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch.nn import functional

import textgym
from agents import best_of_n, ppo, supervised, supervised_grpo, zero_shot
from agents._replay import exemplary
from agents.supervised import Config
from textgym import data, models
from textgym.errors import ConfigurationError
from textgym.evaluation import evaluate_agent

ENV_ID = "TextGen-Arithmetic-v0"
ROWS = [
    {"prompt": "One", "reference": "two three"},
    {"prompt": "A longer prompt than that", "reference": ["four", "five six seven eight nine ten"]},
    {"prompt": "Two words", "reference": "zero " * 20},
]
KWARGS = {"dataset": ROWS, "reward_funcs": "exact_match", "max_new_tokens": 8}


def make(**changes):
    defaults = {"seed": 0, "total_tokens": 60, "env_kwargs": KWARGS, **asdict(Config(batch_size=2, validations=3))}
    return supervised.make_agent(ENV_ID, **defaults | changes)


def weights(agent):
    return torch.cat([parameter.detach().flatten() for parameter in agent.policy.language_model.parameters()])


@pytest.fixture(scope="module")
def trained():
    return make(total_tokens=400)


def test_an_example_is_what_an_episode_would_write(tokenizer):
    # without the space, the EOS or the cut the model would learn what no episode contains
    first, second, third = supervised.examples(ENV_ID, "train", KWARGS)
    assert tokenizer.decode(first.prompt) == "One\n"
    assert first.completions[0].tolist() == [*tokenizer.encode("two three"), tokenizer.eos_token_id]
    assert [tokenizer.decode(ids) for ids in second.completions] == ["four", "five six seven eight nine ten"[:25]]
    assert len(third.completions[0]) == 8
    assert tokenizer.eos_token_id not in third.completions[0]


def test_only_positive_texts_of_labelled_data_are_learned():
    rows = [{"prompt": "The film", "reference": text, "label": label} for text, label in (("good", 1), ("bad", 0))]
    (example,) = supervised.examples("TextGen-Sentiment-v0", "train", {"dataset": rows})
    assert len(example.completions) == 1


def test_labels_that_are_no_verdicts_exclude_no_row():
    # ratings of 2 and 5, or names of classes, would leave nothing to learn from
    rows = [{"prompt": "The film", "reference": text, "label": label} for text, label in (("a", "arts"), ("b", "law"))]
    assert len(supervised.examples("TextGen-Sentiment-v0", "train", {"dataset": rows})) == 2


def test_rows_without_a_reference_are_left_out():
    rows = [{"prompt": "One"}, {"prompt": "Two", "reference": "three"}, {"prompt": "Three", "reference": None}]
    (example,) = supervised.examples(ENV_ID, "train", KWARGS | {"dataset": rows})
    assert len(example.completions) == 1
    rows = [row | {"label": label} for row, label in zip(rows, (1, 1, 0), strict=True)]
    assert exemplary(data.load(rows)).tolist() == [False, True, False]


@pytest.mark.parametrize("row", [{}, {"reference": None}])
def test_data_without_references_are_refused(row):
    with pytest.raises(ConfigurationError, match="no value in the column 'reference' to learn from"):
        make(env_kwargs={"dataset": [{"prompt": "One", "answer": "1"} | row]})


def test_loss_is_that_of_the_completions_alone():
    # also that packing several texts into a row changes nothing: one forward pass each is the reference
    model, _ = models.load("textgym-tiny")
    pairs = [(e.prompt, c) for e in supervised.examples(ENV_ID, "train", KWARGS) for c in e.completions]
    expected = []
    for prompt, completion in pairs:
        ids = torch.as_tensor(np.concatenate([prompt, completion]))
        with torch.no_grad():
            logits = model(ids[None]).logits[0, len(prompt) - 1 : -1]
        expected.append(functional.cross_entropy(logits, ids[len(prompt) :], reduction="none"))
    mean = pytest.approx(torch.cat(expected).mean().item(), abs=1e-5)
    policy = zero_shot.make_agent(ENV_ID, seed=0, env_kwargs=KWARGS)
    assert supervised.mean_loss(policy, pairs) == mean
    optimizer = supervised.adamw(policy.language_model, supervised.Config())
    assert supervised.update(policy, optimizer, pairs, 1.0) == mean


def test_an_epoch_has_every_row_once_and_draws_among_its_references():
    train = [
        supervised.Example(np.full(length, length), [np.array([length, choice]) for choice in range(3)])
        for length in range(1, 101)
    ]
    stream = supervised.batches(train, 8, np.random.default_rng(0))
    drawn = []
    for _ in range(2):
        epoch = [pair for _ in range(13) for pair in next(stream)]
        assert sorted(len(prompt) for prompt, _ in epoch) == list(range(1, 101))
        drawn.append({len(prompt): completion[1] for prompt, completion in epoch})
    assert set(drawn[0].values()) == {0, 1, 2}
    assert drawn[0] != drawn[1]


def test_batches_are_of_like_length_and_in_random_order():
    train = [supervised.Example(np.zeros(length), [np.zeros(1)]) for length in range(1, 1 + 8 * supervised.POOL)]
    stream = supervised.batches(train, 8, np.random.default_rng(0))
    orders = set()
    for _ in range(5):
        epoch = [sorted(len(prompt) for prompt, _ in next(stream)) for _ in range(supervised.POOL)]
        assert all(lengths == list(range(lengths[0], lengths[0] + 8)) for lengths in epoch)
        orders.add(tuple(lengths[0] for lengths in epoch))
    assert len(orders) > 1, "short texts first, epoch after epoch"


def test_it_learns_to_write_the_references(trained):
    greedy = zero_shot.Greedy(trained.policy)
    records = evaluate_agent(greedy, ENV_ID, seed=0, gold=None, reference=None, env_kwargs=KWARGS).records
    assert records[0]["completion"] == "two three"
    assert records[0]["finish_reason"] == "eos"
    assert trained.losses[-1].validation < 0.2 * trained.losses[0].validation


def test_budget_counts_the_tokens_of_completions():
    told = []
    agent = make(progress=told.append, batch_size=1)
    completions = [c for example in supervised.examples(ENV_ID, "train", KWARGS) for c in example.completions]
    assert set(np.diff([0, *told])) <= set(map(len, completions))
    assert agent.tokens == told[-1] == agent.losses[-1].tokens
    assert told[-2] < 60 <= told[-1]
    assert [loss.tokens for loss in agent.losses] == sorted({loss.tokens for loss in agent.losses})
    assert agent.hyperparameters["batch_size"] == 1


def test_epochs_are_a_budget_too():
    # a task of short answers would otherwise be learned by heart with what one of long ones needs
    per_epoch = sum(np.mean([len(c) for c in row.completions]) for row in supervised.examples(ENV_ID, "train", KWARGS))
    assert 3 * per_epoch <= make(total_tokens=10**9, epochs=3).tokens < 3 * per_epoch + 16
    assert make(total_tokens=20, epochs=3).tokens < 3 * per_epoch


def test_without_a_budget_the_model_stays_as_it_is():
    assert torch.equal(weights(make(total_tokens=0)), weights_of("textgym-tiny"))


def weights_of(name):
    return torch.cat([parameter.detach().flatten() for parameter in models.load(name)[0].parameters()])


def test_it_stops_when_time_is_up():
    told = []
    make(total_tokens=10**9, seconds=0.0, progress=told.append)
    assert len(told) == 1


def test_the_seed_decides_and_torchs_generator_does_not():
    first = make(seed=1)
    torch.manual_seed(5)
    again, other = make(seed=1), make(seed=2)
    assert torch.equal(weights(first), weights(again))
    assert not torch.equal(weights(first), weights(other))


def test_validation_stops_training_and_the_best_weights_are_kept(tmp_path):
    # the validation split contradicts the train split: learning makes it worse sooner or later
    for split, answer in (("train", "yes yes"), ("validation", "no no"), ("test", "never read")):
        rows = [{"prompt": f"Question {i}?", "reference": answer} for i in range(4)]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "test.jsonl").write_text("not even JSON")
    kwargs = KWARGS | {"dataset": str(tmp_path)}
    agent = make(total_tokens=2000, env_kwargs=kwargs, validations=40, patience=3)
    found = [loss.validation for loss in agent.losses]
    best = found.index(min(found))
    assert agent.tokens < 2000
    assert len(found) - 1 - best == 3
    held_out = [(e.prompt, e.completions[0]) for e in supervised.examples(ENV_ID, "validation", kwargs)]
    assert supervised.mean_loss(agent.policy, held_out) == pytest.approx(found[best], abs=1e-6)


def test_large_validation_splits_are_thinned():
    sparse, whole = make(total_tokens=0, validation_rows=2), make(total_tokens=0)
    assert sparse.losses[0].validation != whole.losses[0].validation


def test_bfloat16_learns_the_same():
    exact, rounded = make(total_tokens=200), make(total_tokens=200, dtype="bfloat16")
    assert rounded.losses[-1].validation == pytest.approx(exact.losses[-1].validation, rel=0.2)
    assert weights(rounded).dtype == torch.float32


def test_learning_rate_warms_up_and_goes_down():
    cosine, constant = supervised.Config(warmup=0.1), supervised.Config(warmup=0.1, schedule="constant")
    assert [supervised.rate(spent, cosine) for spent in (0.05, 0.1, 0.55, 1.0)] == pytest.approx([0.5, 1, 0.5, 0])
    assert [supervised.rate(spent, constant) for spent in (0.05, 0.1, 0.55, 1.0)] == pytest.approx([0.5, 1, 1, 1])
    with pytest.raises(ConfigurationError, match="schedule='linear' is not one of cosine, constant"):
        supervised.Config(schedule="linear")


def test_every_agent_can_start_from_what_was_saved(trained, tmp_path):
    folder = str(tmp_path / "tuned")
    trained.save(folder)
    assert torch.equal(weights(trained), weights_of(folder))
    # the tokenizer goes by the folder's name too, and is the same to the last byte
    env = gym.make(ENV_ID, **KWARGS, tokenizer=folder).unwrapped
    original = textgym.load_tokenizer("textgym-tiny")
    assert env.tokenizer.to_str() == original.to_str()
    ids = ("eos_token_id", "pad_token_id", "bos_token_id", "vocab_size")
    assert [getattr(env.tokenizer, name) for name in ids] == [getattr(original, name) for name in ids]

    chosen = {"env_kwargs": KWARGS, "model": folder}
    assert torch.equal(weights_of(folder), weights(make(total_tokens=0, model=folder)))
    policy = zero_shot.make_agent(ENV_ID, seed=0, **chosen)
    assert torch.equal(weights_of(folder), weights(type("Agent", (), {"policy": policy})))
    assert best_of_n.make_agent(ENV_ID, seed=0, split="train", **chosen).policy.model_name == folder

    small = {"seed": 0, "total_tokens": 16, "num_envs": 2, "n_steps": 8, "batch_size": 8, "n_epochs": 1}
    # the price is on leaving the model that it started from, unless another one is named
    assert ppo.make_agent(ENV_ID, **chosen, **small).curve[0].kl == pytest.approx(0, abs=1e-4)
    assert ppo.make_agent(ENV_ID, **chosen, **small, reference="textgym-tiny").curve[0].kl > 1


def test_what_ppo_has_trained_can_be_saved_too_when_its_start_is_gone(trained, tmp_path):
    trained.save(tmp_path / "tuned")
    small = {"total_tokens": 16, "num_envs": 2, "n_steps": 8, "batch_size": 8, "n_epochs": 1}
    agent = ppo.make_agent(ENV_ID, seed=0, env_kwargs=KWARGS, model=str(tmp_path / "tuned"), **small)
    shutil.rmtree(tmp_path / "tuned")
    agent.save(tmp_path / "rl")
    assert torch.equal(weights(agent), weights_of(str(tmp_path / "rl")))
    assert gym.make(ENV_ID, **KWARGS, tokenizer=str(tmp_path / "rl")).unwrapped.tokenizer.eos_token_id == 1


def test_a_start_is_trained_once(tmp_path, monkeypatch):
    """Found = trained, to the bit; another seed, budget or setting is another model."""
    options = {"starts": tmp_path, "total_tokens": 40}
    fits = []
    fit = supervised.fit
    monkeypatch.setattr(supervised, "fit", lambda *arguments: fits.append(1) or fit(*arguments))
    trained, found = make(**options), make(**options)
    assert len(fits) == 1 and torch.equal(weights(trained), weights(found))
    assert [*map(repr, found.losses)] == [*map(repr, trained.losses)]  # the first has a NaN
    assert trained.seconds_saved == 0.0 and found.seconds_saved == trained.losses[-1].seconds > 0
    assert trained.processed_saved == 0 and found.processed_saved == trained.losses[-1].processed > found.tokens
    for changed in (
        {"seed": 1},
        {"total_tokens": 20},
        {"batch_size": 3},
        {"env_kwargs": KWARGS | {"max_new_tokens": 9}},
    ):
        make(**options | changed)
    assert len(fits) == 5 and len([*tmp_path.iterdir()]) == 5
    make(**options, seconds=9.0)  # how far it comes is not known before
    assert len(fits) == 6 and len([*tmp_path.iterdir()]) == 5


def test_an_agent_that_trains_on_is_the_same_from_a_start_that_is_there(tmp_path):
    tiny = {"supervised_tokens": 16, "n_prompts": 2, "group_size": 2, "env_kwargs": KWARGS}
    fresh, first, second = (
        supervised_grpo.make_agent(ENV_ID, seed=0, total_tokens=16, starts=starts, **tiny)
        for starts in (None, tmp_path, tmp_path)
    )
    assert torch.equal(weights(fresh), weights(first)) and torch.equal(weights(first), weights(second))
    assert fresh.seconds_saved == first.seconds_saved == 0.0 < second.seconds_saved
    assert fresh.processed_saved == first.processed_saved == 0 < second.processed_saved
