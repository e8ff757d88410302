"""``TextGen-Arithmetic-v0``: work a sum out, then state the answer."""

from __future__ import annotations

from textgym.envs.text_env import TextGenEnv


class ArithmeticEnv(TextGenEnv):
    """Work out a sum, difference or product step by step, then state the answer.

    ## Description
    The question is a sum or difference of numbers up to 99, or a product of numbers up to 12. The agent writes what it
    likes, one token at a time, but only what it states last as `Answer: 42` counts. The steps in the references add
    ones and tens apart. Verifiable rewards of this kind are those of Cobbe et al. (2021) and of RLVR (Lambert et al.,
    2024).

    ## Action Space
    `Discrete(V)`: the id of the next token, `V` being the size of the tokenizer's vocabulary (4,096 by default, where
    every digit is a token). EOS ends the text. `action_masks()` returns a bool array of shape `(V,)` that is False for
    pad and BOS; chosen all the same, they are ordinary tokens.

    ## Observation Space
    `Dict` with `input_ids`, `Box(0, V - 1, (L,), int64)`, and `attention_mask`, `Box(0, 1, (L,), int8)`, where
    `L = max_prompt_tokens + max_new_tokens`: the prompt from column 0, then every action, and pad behind it. Within an
    episode the text only grows.

    ## Starting State
    A question of the split, drawn uniformly by `np_random`, or chosen by `reset(options={"index": k})`.

    ## Rewards
    0.0 for every token but the last; at the end of the episode the weighted sum of the reward functions, by default
    `arithmetic`: 1.0 if the stated answer is right, else 0.0.

    ## Episode End
    The episode terminates with EOS or with the token number `max_new_tokens`; there is no truncation.

    ## Information
    `reset` gives `prompt` (str), `prompt_length` (int) and `index` (int, the row of the data set). The last step gives
    these again, with `completion` (str, without EOS), `completion_length` (int, tokens without EOS), `reference` (str),
    `finish_reason` (`"eos"` or `"length"`) and `rewards` (each reward function's value by its name).

    ## Arguments
    See `TextGenEnv` for all of them. The default data set, `"arithmetic"`, is made on the spot; its splits share no
    pair of numbers, in whatever order or operation.

    ```python
    import gymnasium as gym
    import textgym

    env = gym.make("TextGen-Arithmetic-v0")
    ```

    ## References
    - K. Cobbe et al. (2021), Training Verifiers to Solve Math Word Problems, https://arxiv.org/abs/2110.14168
    - N. Lambert et al. (2024), Tulu 3: Pushing Frontiers in Open Language Model Post-Training,
      https://arxiv.org/abs/2411.15124

    ## Version History
    - v0: initial version
    """
