"""``TextGen-Sentiment-v0``: continue the opening of a film review so that it reads positive."""

from __future__ import annotations

from textgym.envs.text_env import TextGenEnv


class SentimentEnv(TextGenEnv):
    """Continue the opening of a film review so that it reads positive.

    ## Description
    The first words of a real film review are given, and the agent writes on, one token at a time. What it wrote is
    then judged alone, without the opening, by a small sentiment classifier. Openings come from positive and negative
    reviews alike. The task goes back to Ziegler et al. (2019) and to the IMDB task of RL4LMs (Ramamurthy et al., 2023).

    ## Action Space
    `Discrete(V)`: the id of the next token, `V` being the size of the tokenizer's vocabulary (4,096 by default). EOS
    ends the text. `action_masks()` returns a bool array of shape `(V,)` that is False for pad and BOS; chosen all the
    same, they are ordinary tokens.

    ## Observation Space
    `Dict` with two arrays of length `L = max_prompt_tokens + max_new_tokens`:

    | Key              | Space                        | Meaning                                                    |
    |------------------|------------------------------|------------------------------------------------------------|
    | `input_ids`      | `Box(0, V - 1, (L,), int64)` | the prompt from column 0, then every action; pad behind it |
    | `attention_mask` | `Box(0, 1, (L,), int8)`      | 1 for prompt and actions, 0 for padding                    |

    Within an episode the text only grows: an observation is a prefix of the next one. An EOS action is part of the
    last observation.

    ## Starting State
    A prompt of the data set, drawn uniformly by `np_random`, or chosen by `reset(options={"index": k})`. Of a prompt
    longer than `max_prompt_tokens` the last `max_prompt_tokens` tokens are kept, for they are what the text goes on
    from; how many prompts are cut is logged once, when the environment is made.

    ## Rewards
    0.0 for every token but the last; at the end of the episode the weighted sum of the reward functions, by default
    the probability, in [0, 1], that the completion is positive.

    ## Episode End
    The episode terminates with EOS or with the token number `max_new_tokens`. The limit is part of the task, so it is
    a termination too; there is no truncation.

    ## Information
    `reset` gives `prompt` (str), `prompt_length` (int) and `index` (int, the row of the data set). The last step gives
    these again, with `completion` (str, without EOS), `completion_length` (int, tokens without EOS), `reference` (if
    the data has one), `finish_reason` (`"eos"` or `"length"`) and `rewards` (each reward function's value by its name).

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
