"""``TextGen-Classification-v0``: name the topic of a sentence."""

from __future__ import annotations

from textgym.envs.task import Task
from textgym.envs.text_env import TextGenEnv


class ClassificationEnv(TextGenEnv):
    r"""Name the topic of the first sentence of an encyclopedia's article.

    ## Description
    The sentence is the first of one of Wikipedia's vital articles. Its topic is one of eleven: `arts`,
    `everyday life`, `geography`, `history`, `life science`, `mathematics`, `people`, `philosophy and religion`,
    `physical science`, `society` or `technology`. Sentences that contain a word of their topic's name are left out,
    and introductions that tell the field ("In mathematics, ...") are cut off.

    ## Rewards
    0.0 for every token but the last; at the end of the episode the weighted sum of the reward functions, by default
    `accuracy`: 1.0 if the completion is the topic, whatever its case and white space, else 0.0.

    ## Arguments
    See `TextGenEnv` for all of them. The default data set, `"classification"`, has splits that share no article.
    `"finance_sentiment"` has invented news of invented firms, which the splits do not share, that are `positive`,
    `negative` or `neutral` for their owners. Any labelled texts of your own make another task of the same kind.

    ```python
    import gymnasium as gym
    import textgym

    finance = gym.make("TextGen-Classification-v0", dataset="finance_sentiment", prompt_template="{prompt}\nSentiment:")
    requests = [{"prompt": "Play something by Miles Davis.", "reference": "music"}]
    intents = gym.make("TextGen-Classification-v0", dataset=requests, prompt_template="{prompt}\nIntent:")
    ```

    ## References
    - X. Zhang et al. (2015), Character-level Convolutional Networks for Text Classification (the task DBpedia),
      https://arxiv.org/abs/1509.01626
    - Wikipedia: Vital articles, https://en.wikipedia.org/wiki/Wikipedia:Vital_articles

    ## Version History
    - v0: initial version
    """

    task = Task(
        id="TextGen-Classification-v0",
        dataset="classification",
        prompt_template="{prompt}\nTopic:",
        reward_funcs="accuracy",
        max_prompt_tokens=104,
        max_new_tokens=8,
        gold="accuracy",
        metrics=("macro_f1",),
        grammar="labels",
    )
