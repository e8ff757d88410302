"""``TextGen-ReasoningGym-v0``: the procedural problems of the optional package reasoning-gym."""

from __future__ import annotations

from textgym.envs.task import Task
from textgym.envs.text_env import TextGenEnv


class ReasoningGymEnv(TextGenEnv):
    """Say how two people of a family are related, or solve the problems of any other generator of reasoning-gym.

    ## Description
    Reasoning Gym (Stojanovski et al., 2025) makes problems of about a hundred kinds, and verifies answers. By default
    a few sentences tell who is married to whom and who is whose child, and the answer is a word such as `grandmother`.
    The package is optional: `pip install "textgym[reasoning]"`.

    ## Rewards
    0.0 for every token but the last; at the end of the episode the weighted sum of the reward functions, by default
    `reasoning_gym`: what the generator's own verifier says, in [0, 1]. It is 1.0 for the problem's own answer; for many
    generators an answer with something around it gets a part of that. The verifiers of a few generators raise on
    malformed answers; `textgym.rewards.Lenient("reasoning_gym", 0.0)` gives these 0.0. Verifiers that do more than
    compare texts have two seconds for an answer, in a second process: an answer such as `9**9**9`, which some evaluate
    as Python, is wrong, and logged.

    ## Arguments
    See `TextGenEnv` for all of them. `dataset="reasoning_gym:chain_sum"` takes another generator, and
    `"reasoning_gym:chain_sum?max_terms=3&size=1000"` with options of its configuration, of which all have `size`
    (4,500 problems by default, before duplicates are removed) and `seed`. Many generators need more `max_prompt_tokens`
    and `max_new_tokens`. Those whose verifier takes one constant text, such as `nan` or their most frequent answer, for
    right in more than a fifth of the problems are refused, unless the option `allow_constant=true` asks for them.

    ```python
    import gymnasium as gym
    import textgym

    env = gym.make("TextGen-ReasoningGym-v0", dataset="reasoning_gym:leg_counting", max_prompt_tokens=128)
    ```

    ## References
    - Z. Stojanovski et al. (2025), Reasoning Gym: Reasoning Environments for Reinforcement Learning with Verifiable
      Rewards, https://arxiv.org/abs/2505.24760

    ## Version History
    - v0: initial version
    """

    task = Task(
        id="TextGen-ReasoningGym-v0",
        dataset="reasoning_gym",
        prompt_template="{prompt}\nAnswer:",
        reward_funcs="reasoning_gym",
        max_prompt_tokens=96,
        max_new_tokens=8,
        gold="reasoning_gym",
        metrics=("exact_match",),
    )
