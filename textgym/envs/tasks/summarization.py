"""``TextGen-Summarization-v0``: say in a few words what a text is about."""

from __future__ import annotations

from textgym.envs.task import Task
from textgym.envs.text_env import TextGenEnv


class SummarizationEnv(TextGenEnv):
    """Describe the subject of an encyclopedia's article in a few words.

    ## Description
    The text is the beginning of one of Wikipedia's vital articles, whole sentences of at most 92 tokens together. The
    reference is the article's short description, which people wrote to tell in five or six words what it is about:
    "Extreme summarization" in the sense of Narayan et al. (2018), who call for one sentence. All numbers of a
    description and at least half of its words stand in the text.

    ## Rewards
    0.0 for every token but the last; at the end of the episode the weighted sum of the reward functions, by default
    `rougeL` (Lin, 2004), in [0, 1].

    ## Arguments
    See `TextGenEnv` for all of them. The default data set, `"summarization"`, has splits that share no article.

    ```python
    import gymnasium as gym
    import textgym

    env = gym.make("TextGen-Summarization-v0", reward_funcs=["rougeL", "compression"], reward_weights=[1.0, -0.2])
    ```

    ## References
    - C.-Y. Lin (2004), ROUGE: A Package for Automatic Evaluation of Summaries, https://aclanthology.org/W04-1013
    - S. Narayan et al. (2018), Don't Give Me the Details, Just the Summary!, https://aclanthology.org/D18-1206
    - M. Grusky et al. (2018), Newsroom (compression and copying), https://aclanthology.org/N18-1065

    ## Version History
    - v0: initial version
    """

    task = Task(
        id="TextGen-Summarization-v0",
        dataset="summarization",
        prompt_template="{prompt}\nIn short:",
        reward_funcs="rougeL",
        max_prompt_tokens=100,
        max_new_tokens=24,
        gold="similarity",
        metrics=("rouge1", "rouge2", "compression", "copying"),
    )
