"""``TextGen-QA-v0``: answer a question from a passage."""

from __future__ import annotations

from textgym.envs.task import Task
from textgym.envs.text_env import TextGenEnv


class QAEnv(TextGenEnv):
    r"""Answer a question about a passage in the passage's own words.

    ## Description
    One or two sentences of a Wikipedia article are given, and a question about them: what something is, where it lies,
    who made it, how many there are. The agent writes the answer, one token at a time. Every answer is a span of the
    passage of at most six words, as in SQuAD (Rajpurkar et al., 2016); often several are acceptable, and the best
    counts. The questions are made by rules from real sentences.

    ## Rewards
    0.0 for every token but the last; at the end of the episode the weighted sum of the reward functions, by default
    `token_f1`: the F1 of the answer's words after SQuAD's normalisation, in [0, 1]. The judge that evaluation adds is
    `exact_match`: whether the normalised answer is one of the acceptable ones.

    ## Arguments
    See `TextGenEnv` for all of them. The default data set, `"qa"`, has the splits `train`, `validation` and `test`,
    which share no article, and the columns `prompt` (the passage, a line's end, and `Q: ` with the question),
    `reference` (a list of answers), `kind` and `title`. `"qa_synthetic"` has invented sentences whose entities the
    splits do not share. Any data of SQuAD's kind works with a template over its columns:

    ```python
    import gymnasium as gym
    import textgym

    row = {"context": "Ada Lovelace was born in London.", "question": "Where was she born?", "reference": ["London"]}
    env = gym.make(
        "TextGen-QA-v0",
        dataset=[row],  # or a .jsonl, .csv or .parquet file, or a hub id, with these columns
        prompt_template="{context}\nQ: {question}\nA:",
        max_prompt_tokens=384,
    )
    ```

    ## References
    - P. Rajpurkar et al. (2016), SQuAD: 100,000+ Questions for Machine Comprehension of Text,
      https://arxiv.org/abs/1606.05250
    - P. Rajpurkar et al. (2018), Know What You Don't Know: Unanswerable Questions for SQuAD,
      https://arxiv.org/abs/1806.03822

    ## Version History
    - v0: initial version
    """

    task = Task(
        id="TextGen-QA-v0",
        dataset="qa",
        prompt_template="{prompt}\nA:",
        reward_funcs="token_f1",
        max_prompt_tokens=104,
        max_new_tokens=20,
        gold="exact_match",
    )
