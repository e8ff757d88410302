"""``TextGen-Translation-v0``: translate an English sentence into French."""

from __future__ import annotations

from textgym.envs.task import Task
from textgym.envs.text_env import TextGenEnv


class TranslationEnv(TextGenEnv):
    """Translate an English sentence into French.

    ## Description
    Four sentences of five are made by a small grammar: articles, gender and number, the place and agreement of
    adjectives, five tenses, negation and questions. Those of the validation and test splits bring words together that
    no sentence of the train split does, though it has all of these words. The fifth is a message of a web application,
    translated by people, with words and liberties that only more reading could teach. The column `source` tells them
    apart.

    ## Rewards
    0.0 for every token but the last; at the end of the episode the weighted sum of the reward functions, by default
    `chrf`: F2 of the characters' n-grams against the reference, in [0, 1]. The gold judge, `meteor`, compares words and
    their order. Evaluation also reports the BLEU of all translations together, `corpus_bleu`, and that of the messages
    alone, `corpus_bleu_human`.

    ## Arguments
    See `TextGenEnv` for all of them. A data set of one's own needs `prompt` and `reference`, one translation or a list.

    ```python
    import gymnasium as gym
    import textgym

    env = gym.make("TextGen-Translation-v0", reward_funcs="bleu")
    ```

    ## References
    - M. Popović (2015), chrF: Character n-gram F-score for Automatic MT Evaluation, https://aclanthology.org/W15-3049
    - M. Ranzato et al. (2016), Sequence Level Training with Recurrent Neural Networks, https://arxiv.org/abs/1511.06732
    - L. Choshen et al. (2020), On the Weaknesses of Reinforcement Learning for Neural Machine Translation,
      https://arxiv.org/abs/1907.01752

    ## Version History
    - v0: initial version
    """

    task = Task(
        id="TextGen-Translation-v0",
        dataset="translation",
        prompt_template="English: {prompt}\nFrench:",
        reward_funcs="chrf",
        max_prompt_tokens=32,
        max_new_tokens=36,
        gold="meteor",
        metrics=("bleu", "corpus_bleu"),
    )
