"""``TextGen-DataToText-v0``: put facts into a sentence."""

from __future__ import annotations

from textgym.envs.task import Task
from textgym.envs.text_env import TextGenEnv


class DataToTextEnv(TextGenEnv):
    """Write a sentence that states all the given facts.

    ## Description
    The facts are fields such as `name: Swan Lake; names: Russian, Pyotr Ilyich Tchaikovsky; numbers: 1875–76;
    keywords: ballet, composed, composer`. They are those of one of Wikipedia's vital articles and of its first
    sentence, which is the reference and states every one of them. Fields go back to WikiBio (Lebret et al., 2016) and
    to the E2E challenge (Dušek et al., 2020), keywords to CommonGen (Lin et al., 2020).

    ## Rewards
    0.0 for every token but the last; at the end of the episode the weighted sum of the reward functions, by default
    `data_to_text`: the mean of `coverage`, the fraction of the data set's `concepts` that the completion states, and
    of sentence `bleu`, both in [0, 1].

    ## Arguments
    See `TextGenEnv` for all of them. The default data set, `"data_to_text"`, has splits that share no article.

    ```python
    import gymnasium as gym
    import textgym

    env = gym.make("TextGen-DataToText-v0", reward_funcs=["data_to_text", "slot_errors"], reward_weights=[1.0, 0.5])
    ```

    ## References
    - R. Lebret et al. (2016), Neural Text Generation from Structured Data, https://aclanthology.org/D16-1128
    - O. Dušek et al. (2020), Evaluating the State-of-the-Art of End-to-End Natural Language Generation,
      https://arxiv.org/abs/1901.07931
    - B. Y. Lin et al. (2020), CommonGen, https://arxiv.org/abs/1911.03705
    - T.-H. Wen et al. (2015), Semantically Conditioned LSTM-based Natural Language Generation (slot error rate),
      https://aclanthology.org/D15-1199

    ## Version History
    - v0: initial version
    """

    task = Task(
        id="TextGen-DataToText-v0",
        dataset="data_to_text",
        prompt_template="{prompt}\nSentence:",
        reward_funcs="data_to_text",
        max_prompt_tokens=64,
        max_new_tokens=40,
        gold="chrf",
        metrics=("coverage", "bleu", "slot_errors"),
    )
