"""The agents of the leaderboard, one file each: ``make_agent(env_id, *, seed, total_tokens, **overrides)`` makes one.

It trains the agent, if there is anything to train, on ``total_tokens`` generated tokens, and returns an object with
Stable-Baselines3's ``predict`` over batched observations; `textgym.evaluation` says what else an agent may offer. The
attributes ``tokens`` (generated so far), ``curve`` (one ``(tokens, seconds, score, kl)`` per update) and
``hyperparameters`` are recorded if they are there.

Every agent here takes ``env_kwargs``, keywords of the environment, and every one that is a language model ``model``: a
model's name, or the folder that another agent's ``save`` has written, to start from. One that has the parameter
``progress`` gets a function to call with its tokens so far; one that has ``split`` gets the split that it will be
evaluated on.
"""
