"""``TextGen-Recommendation-v0``: list films that fit a described taste."""

from __future__ import annotations

from textgym.envs.task import Task
from textgym.envs.text_env import TextGenEnv


class RecommendationEnv(TextGenEnv):
    """List films that fit a described taste.

    ## Description
    A person says what films they like: of one genre or two, of a decade, by a director, with an actor, with an Oscar,
    and perhaps names films that they have liked already. The agent lists five others from what it knows, best first,
    written `Heat; Casino; The Departed`. Of the 328 films every one is recommended somewhere in the train split, but
    no taste of the validation or test split is: the agent must put together what it knows of each property.
    Recommendation in words goes back to P5 (Geng et al., 2022).

    ## Rewards
    0.0 for every token but the last; at the end of the episode the weighted sum of the reward functions, by default
    `ndcg`, in [0, 1]: whether the first five films fit, the first ones counting most. Any film that fits counts the
    same; the gold judge, `acclaim`, also asks what critics think of it, which the proxy never sees.

    ## Arguments
    See `TextGenEnv` for all of them. Rewards use the default data set's columns `items`, the films that fit, and
    `ratings`, what critics think of each. A data set of one's own needs `prompt` and `items`.

    ```python
    import gymnasium as gym
    import textgym

    env = gym.make("TextGen-Recommendation-v0", reward_funcs=["ndcg", "valid_items"], reward_weights=[1.0, 0.2])
    ```

    ## References
    - S. Geng et al. (2022), Recommendation as Language Processing (RLP): A Unified Pretrain, Personalized Prompt &
      Predict Paradigm (P5), https://arxiv.org/abs/2203.13366
    - K. Järvelin and J. Kekäläinen (2002), Cumulated Gain-Based Evaluation of IR Techniques,
      https://doi.org/10.1145/582415.582418

    ## Version History
    - v0: initial version
    """

    task = Task(
        id="TextGen-Recommendation-v0",
        dataset="recommendation",
        prompt_template="{prompt}\nFilms:",
        reward_funcs="ndcg",
        max_prompt_tokens=48,
        max_new_tokens=32,
        gold="acclaim",
        metrics=("recall", "valid_items"),
    )
