"""``TextGen-Sentiment-v0``: continue the opening of a film review so that it reads positive."""

from __future__ import annotations

from textgym.envs.task import Task
from textgym.envs.text_env import TextGenEnv


class SentimentEnv(TextGenEnv):
    """Continue the opening of a film review so that it reads positive.

    ## Description
    The first words of a real film review are given, and the agent writes on, one token at a time. What it wrote is
    then judged alone, without the opening, by a small sentiment classifier. Openings come from positive and negative
    reviews alike. The task goes back to Ziegler et al. (2019) and to the IMDB task of RL4LMs (Ramamurthy et al., 2023).

    ## Rewards
    0.0 for every token but the last; at the end of the episode the weighted sum of the reward functions, by default
    the probability, in [0, 1], that the completion is positive.

    ## Arguments
    See `TextGenEnv` for all of them. The default data set, `"sentiment"`, has the splits `train`, `validation` and
    `test`, which share no film.

    ```python
    import gymnasium as gym
    import textgym

    env = gym.make("TextGen-Sentiment-v0", reward_funcs=["sentiment", "repetition"], reward_weights=[1.0, 0.5])
    ```

    ## References
    - D. Ziegler et al. (2019), Fine-Tuning Language Models from Human Preferences, https://arxiv.org/abs/1909.08593
    - R. Ramamurthy et al. (2023), Is Reinforcement Learning (Not) for Natural Language Processing?,
      https://arxiv.org/abs/2210.01241
    - B. Pang and L. Lee (2005), Seeing Stars, https://aclanthology.org/P05-1015
    - D. Kotzias et al. (2015), From Group to Individual Labels Using Deep Features,
      https://doi.org/10.1145/2783258.2783380

    ## Version History
    - v0: initial version
    """

    task = Task(
        id="TextGen-Sentiment-v0",
        dataset="sentiment",
        reward_funcs="sentiment",
        max_prompt_tokens=16,
        max_new_tokens=32,
        gold="gold",
        metrics=("ngram_fluency", "vader"),
    )
