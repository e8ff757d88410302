"""``TextGen-Solvable-v0``: a task whose optimum is known exactly."""

from __future__ import annotations

from textgym.envs.task import Task
from textgym.envs.text_env import TextGenEnv


class SolvableEnv(TextGenEnv):
    """Write two letters backwards, twice, in a vocabulary of eight tokens whose completions can all be enumerated.

    ## Description
    The prompt `ab` wants the answer `baba`. The tokens are the letters a to f, pad and EOS, and the answer has at most
    five of them: 19,608 completions a prompt, with four prompts in the train split. So everything that an algorithm
    estimates is known: `textgym.checks.exact` has the best that any policy can do at a price of divergence, the policy
    that does it, exact values, advantages and gradients. Policies start from the model `textgym-letters`, of some
    thousand weights, which is also the reference that divergence is priced from.

    ## Action Space
    `Discrete(8)`: 0 is pad, 1 is EOS, 2 to 7 are the letters a to f. `action_masks()` returns a bool array of shape
    `(8,)` that is False for pad; chosen all the same, it is an ordinary token, without a letter.

    ## Rewards
    0.0 for every token but the last; at the end of the episode the weighted sum of the reward functions, by default
    `agreement`: the share of positions at which the completion has the reference's letter.

    ## Arguments
    See `TextGenEnv` for all of them. Variants that are hard in another way:

    - constant target: `dataset="solvable_constant"`, where the answer is one word, whatever the prompt;
    - long credit assignment: `reward_funcs="first_character"`, where only the first letter counts, and all that follows
      is noise;
    - deceptive reward: `reward_funcs="deceptive"`, 1.0 for the reference, and less for a text the nearer it comes.

    `max_new_tokens=6` makes seven times as many completions.

    ```python
    import gymnasium as gym
    import textgym

    env = gym.make("TextGen-Solvable-v0", reward_funcs="deceptive")
    ```

    ## References
    - R. Rafailov et al. (2023), Direct Preference Optimization, https://arxiv.org/abs/2305.18290, equation 4: the
      optimum of a reward with a price on divergence

    ## Version History
    - v0: initial version
    """

    task = Task(
        id="TextGen-Solvable-v0",
        dataset="solvable",
        reward_funcs="agreement",
        max_prompt_tokens=2,
        max_new_tokens=5,
        gold="agreement",
        metrics=("exact_match",),
        tokenizer="textgym-letters",
    )
