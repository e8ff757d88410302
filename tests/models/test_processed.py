"""Every forward pass of a language model is counted, once."""

import numpy as np
import torch

from agents import ppo
from textgym.models import CausalLM
from textgym.models.cache import CachedTrunk
from textgym.models.packing import pack
from textgym.models.processed import processed


def test_prompts_steps_and_packed_texts():
    """Two texts of 4 tokens begin, both go on by one, and one that is there already begins in the second's place."""
    lm = CausalLM.load("textgym-tiny")
    trunk, ids = CachedTrunk(lm.trunk, lm.head), torch.arange(20).reshape(2, 10) + 5
    lengths = torch.arange(10)
    with processed() as total:
        for length in (4, 5):
            trunk.last_hidden(ids, (lengths < length).long().expand(2, -1))
        assert total.tokens == 2 * 4 + 2
        ids[1] = ids[0]  # whose keys are copied, but for the last
        trunk.last_hidden(ids, (lengths < 5).long().expand(2, -1))
        assert total.tokens == 10 + 2
        batch = pack([np.arange(5, 12), np.arange(5, 9)], [range(3), range(2)], "cpu", share_rows=False)
        lm.log_prob(batch, torch.zeros(5, dtype=torch.long))
        assert total.tokens == 12 + 2 * 7  # a row is padded
    lm.log_prob(batch, torch.zeros(5, dtype=torch.long))
    assert total.tokens == 26  # closed


def test_each_epoch_of_training_reads_the_rollout_again():
    read = {}
    for epochs in (1, 2, 3):
        with processed() as total:
            agent = ppo.make_agent(
                "TextGen-Sentiment-v0", seed=0, total_tokens=16, num_envs=4, n_steps=4, n_epochs=epochs, batch_size=16,
                max_kl=9.0, env_kwargs={"max_new_tokens": 4},
            )  # fmt: skip
        read[epochs] = total.tokens
    assert agent.tokens == 16
    assert read[3] - read[2] == read[2] - read[1] > 16  # with the prompts
    assert read[1] > 2 * (read[2] - read[1])  # the reference model reads it once, too, and decoding comes before
