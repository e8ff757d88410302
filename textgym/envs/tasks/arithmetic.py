"""``TextGen-Arithmetic-v0``: work a sum out, then state the answer."""

from __future__ import annotations

from textgym.envs.task import Task
from textgym.envs.text_env import TextGenEnv


class ArithmeticEnv(TextGenEnv):
    """Work out a sum, difference or product step by step, then state the answer.

    ## Description
    The question is a sum or difference of numbers up to 99, or a product of numbers up to 12. The agent writes what it
    likes, one token at a time, but only what it states last as `Answer: 42` counts. The steps in the references add
    ones and tens apart. Verifiable rewards of this kind are those of Cobbe et al. (2021) and of RLVR (Lambert et al.,
    2024).

    ## Rewards
    0.0 for every token but the last; at the end of the episode the weighted sum of the reward functions, by default
    `arithmetic`: 1.0 if the stated answer is right, else 0.0.

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

    task = Task(
        id="TextGen-Arithmetic-v0",
        dataset="arithmetic",
        prompt_template="{prompt}\n",
        reward_funcs="arithmetic",
        max_prompt_tokens=16,
        max_new_tokens=48,
        gold="arithmetic",
        metrics=("states_number",),
        grammar="sums",
    )
