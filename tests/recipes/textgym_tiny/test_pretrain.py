"""The recipe that made the embedded model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

from recipes.textgym_tiny import pretrain
from recipes.textgym_tiny.pretrain import Corpus, Recipe

TINY = Recipe(n_embd=16, n_layer=1, n_head=1, n_positions=16, batch_size=4, tokens=4 * 16 * 12)


@pytest.fixture
def documents() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [np.append(rng.integers(3, 4096, rng.integers(3, 30)), 1).astype(np.uint16) for _ in range(200)]


@pytest.fixture
def corpus(documents: list[np.ndarray]) -> Corpus:
    return Corpus.of(documents, [2] * len(documents))


def test_blocks_begin_with_documents(documents: list[np.ndarray], corpus: Corpus) -> None:
    packed, _ = corpus.blocks(TINY, epoch=0)
    starts = {tuple(document[:3]) for document in documents}
    assert packed.shape[1] == 16
    assert all(tuple(block[:3]) in starts for block in packed)
    assert not np.array_equal(packed, corpus.blocks(TINY, epoch=1)[0][: len(packed)])


def test_blocks_hold_whole_documents_in_order_but_for_their_ends(documents: list[np.ndarray], corpus: Corpus) -> None:
    order = np.random.default_rng((TINY.seed, 0)).permutation(len(documents))
    expected: list[list[int]] = [[]]
    for document in (documents[i].tolist() for i in order):
        expected[-1] += document[: 16 - len(expected[-1])]
        if len(expected[-1]) == 16:
            expected.append([])
    assert corpus.blocks(TINY, epoch=0)[0].tolist() == expected[:-1]


def test_prompts_are_read_and_not_learned(documents: list[np.ndarray], corpus: Corpus) -> None:
    """A model that learned to write prompts would end its reviews with them."""
    tokens, labels = corpus.blocks(TINY, epoch=0)
    prompts = {tuple(document[:2].tolist()) for document in documents}
    first = labels[:, :2]
    assert (first == -100).all() and {tuple(pair) for pair in tokens[:, :2].tolist()} <= prompts
    learned = labels != -100
    assert np.array_equal(labels[learned], tokens[learned])
    assert not Corpus.of(documents, [0] * len(documents)).read_only.any()


def test_batches_can_be_entered_anywhere(corpus: Corpus) -> None:
    stream = pretrain.batches(corpus, TINY, 0)
    whole = [next(stream) for _ in range(60)]  # more than an epoch
    later = pretrain.batches(corpus, TINY, 47)
    for batch in whole[47:]:
        assert all(map(torch.equal, next(later), batch))


def test_an_interrupted_run_ends_like_a_whole_one(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the optimiser's state, or with other batches after the restart, weights would differ by about 1e-3."""
    whole = pretrain.train(TINY, corpus, tmp_path / "whole.pt")

    def stop_at_step_seven(*arguments: object) -> object:
        for number, batch in enumerate(endless(*arguments)):
            if number == 7:
                raise KeyboardInterrupt
            yield batch

    endless = pretrain.batches
    with monkeypatch.context() as patch:
        patch.setattr(pretrain, "batches", stop_at_step_seven)
        with pytest.raises(KeyboardInterrupt):
            pretrain.train(TINY, corpus, tmp_path / "cut.pt", minutes_between_checkpoints=0)
    resumed = pretrain.train(TINY, corpus, tmp_path / "cut.pt")
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)


def test_another_recipes_checkpoint_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    pretrain.train(replace(TINY, tokens=64), corpus, tmp_path / "run.pt")
    with pytest.raises(SystemExit, match="another recipe"):
        pretrain.train(TINY, corpus, tmp_path / "run.pt")


def test_sentences_with_words_that_are_none_are_left_out() -> None:
    text = "I liked it. The chealthy telem was bad! So was the end."
    assert pretrain.spelled_well(text) == "I liked it. So was the end."


def test_learning_rate_warms_up_and_falls() -> None:
    recipe = Recipe()
    rates = [pretrain.learning_rate(step, recipe) for step in range(recipe.steps)]
    assert max(rates) == recipe.learning_rate and rates[0] < 0.01 * max(rates) and rates[-1] < 0.03 * max(rates)


def test_solved_examples_are_what_an_episode_reads_and_writes() -> None:
    """A space too many, another template or no EOS would make zero-shot answers worse than they could be."""
    env = gym.make("TextGen-Arithmetic-v0").unwrapped
    episodes, prompt_lengths = pretrain.solved_examples(env.task, "arithmetic")
    tokens = episodes[7]
    obs, info = env.reset(options={"index": 7})
    assert prompt_lengths[7] == info["prompt_length"]
    assert tokens[: info["prompt_length"]].tolist() == obs["input_ids"][: info["prompt_length"]].tolist()
    for token in tokens[info["prompt_length"] :].tolist():
        _, reward, terminated, _, _ = env.step(token)
    assert terminated and reward == 1.0
