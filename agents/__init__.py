"""The agents of the leaderboard, one file each: ``make_agent(env_id, *, seed, total_tokens, **overrides)`` makes one.

It trains the agent, if there is anything to train, on ``total_tokens`` generated tokens, and returns an object with
Stable-Baselines3's ``predict`` over batched observations; `textgym.evaluation` says what else an agent may offer. The
attributes ``tokens`` (generated so far), ``curve`` (one ``(tokens, seconds, score, kl)`` per update) and
``hyperparameters`` are recorded if they are there.

Every agent here takes ``env_kwargs``, keywords of the environment. Every one that is a language model takes ``model``,
a model's name or the folder that another agent's ``save`` has written, to start from, and ``device``. The board gives
an agent those of these parameters that it has: ``progress``, a function to call with the tokens so far; ``split``, the
split that it will be evaluated on; ``device``, where it is to compute.

A file may declare ``version = 0``. Raise it when the agent's results may change although its own file does not, because
of a change in `textgym`: the board then runs it again, and marks what was published before.
"""
