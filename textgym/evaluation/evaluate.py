"""Evaluation of an agent: every example of a split once, what it wrote, and how good, how far off and how varied it is.

An agent is anything with Stable-Baselines3's ``predict`` over batched observations:

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        return actions, state

It may offer more, all of it optional: ``log_prob(obs, actions)`` (see `evaluate_agent`), and ``kl_bound``, what is
known of its divergence without log-probabilities. Importing this module imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from textgym import metrics
from textgym.data.datasets import Dataset, RowNames
from textgym.envs import task_of
from textgym.envs.episodes import GIVEN
from textgym.envs.task import Task
from textgym.envs.vector import TextGenVectorEnv
from textgym.errors import ConfigurationError, shown
from textgym.evaluation.log_probs import log_probs, reference_model
from textgym.evaluation.play import Agent, Episode, make_env, play
from textgym.rewards import RewardFunction
from textgym.rewards.scoring import call, resolve
from textgym.tokenizer import TextTokenizer

TASKS_OWN = "auto"  # of judges: the task's
ENVIRONMENTS_OWN = "auto"  # of reference models: the one that the environment's tokenizer is named after


class Choices(NamedTuple):
    """The T tokens of a completion, an EOS among them.

    Attributes:
        ids: Token ids, int64 (T,); `TextTokenizer.pieces` gives their texts.
        log_probs: Their log-probabilities under the agent, float64 (T,), or None where it says none.
        reference_log_probs: Those under the reference model, float64 (T,), or None without one.
    """

    ids: np.ndarray
    log_probs: np.ndarray | None = None
    reference_log_probs: np.ndarray | None = None


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate_agent` found.

    Attributes:
        records: One per example, in the order of the data set: ``index``, ``prompt``, ``completion``, ``reference``
            (None where the data has none), ``rewards`` (by component), ``return``, ``gold``, ``metrics`` (of this
            example, by name), ``kl``,
            ``reference_log_prob``, ``length`` (tokens without EOS) and ``finish_reason``.
        metrics: Finite floats, or None where there is nothing to say:

            - ``reward/<component>``: means of the task's own reward functions, over the rows that they apply to;
            - ``return``: mean weighted sum of them;
            - ``gold``: mean of a judge that no agent is trained on;
            - ``metric/<name>``: what the task reports besides (`textgym.envs.Task`);
            - ``kl``: divergence from the reference model, in nats per completion; ``kl_bound``: an upper bound of it;
            - ``perplexity``: of the completions, per token, under the reference model;
            - ``distinct_1``, ``distinct_2``: the fraction of n-grams that are different, over all completions;
            - ``invalid_words``: the share of words that English has not (`textgym.metrics.invalid_words`);
            - ``length``: mean tokens without EOS; ``eos_rate``: the fraction that the agent ended itself.
        choices: For each record, the tokens that were chosen and how likely they were.
        tokenizer: The environment's, which knows their texts.
    """

    records: list[dict[str, Any]]
    metrics: dict[str, float | None]
    choices: list[Choices]
    tokenizer: TextTokenizer


def evaluate_agent(
    agent: Agent,
    env_id: str,
    *,
    split: str = "test",
    seed: int,
    num_examples: int | None = None,
    num_envs: int = 64,
    deterministic: bool = False,
    reference: str | None = ENVIRONMENTS_OWN,
    device: str = "auto",
    gold: str | RewardFunction | None = TASKS_OWN,
    env_kwargs: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Let an agent write one completion for every example.

    The sampling noise is the agent's own: seed torch, or the agent's generator, for reproducible completions.

    An agent that offers ``log_prob(obs, actions)`` gets its divergence estimated: the mean over completions of
    ``log_prob - reference_log_prob``, summed over the sampled tokens. It is called with N timesteps at once: ``obs``
    is a `textgym.models.PackedBatch` with one whole text a row, so that timestep i had read
    ``obs.input_ids[obs.row[i], : obs.position[i] + 1]`` when it chose ``actions[i]``. It returns (N,) numbers.
    `textgym.sb3.TransformerPolicy` does so: of a trained PPO, evaluate its ``policy``. Nothing is estimated for
    ``deterministic=True``, where the likeliest token is taken and not a sample.

    Args:
        agent: See `Agent`.
        env_id: A registered id.
        split: Which part of the task's data set to use.
        seed: The environment's seed.
        num_examples: How many examples are played, the first ones; None for all.
        num_envs: How many episodes are played side by side.
        deterministic: Passed on to the agent.
        reference: The name of the model that divergence is measured from, with the environment's vocabulary; ``"auto"``
            for the model that the environment's tokenizer is named after. None: no divergence and no perplexity.
        device: Where the reference computes: ``"auto"`` for an accelerator if there is one, else torch's names.
        gold: A reward's name, or a function; ``"auto"`` for the task's own judge (`textgym.envs.Task`), None for none.
            With other data than the task's, its judge and metrics leave out what there is no column or value for.
        env_kwargs: Other keywords of the environment.

    Raises:
        ConfigurationError: Arguments do not fit one another; ``predict`` returned no token for every row, or
            ``log_prob`` no finite (N,) numbers.
        UnknownNameError: There is no data set, split, reward or model of a name.
    """
    if not callable(getattr(agent, "predict", None)):
        raise ConfigurationError(
            f"The agent {agent!r} has no method predict(obs, state, episode_start, deterministic)."
        )
    env = make_env(env_id, num_envs, split, env_kwargs)
    size, reference = number_of_examples(num_examples, env), reference_of(reference, env)
    model = None  # loaded before anything is played: what is wrong with it shows at once
    if reference is not None:
        model = reference_model(reference, device, env.tokenizer.vocab_size, env.tokenizer.name)
    episodes = play(agent, env, range(size), seed=seed, deterministic=deterministic)
    records = [_record(episode) for episode in episodes]
    judge = judge_of(gold, env_id)
    if judge is not None and (gold != TASKS_OWN or _applies(judge, env.dataset)):
        (scores,) = _values([judge], records, episodes, env.dataset).values()
        for record, score in zip(records, scores, strict=True):
            record["gold"] = score
    whole = _add_task_metrics(task_of(env_id), records, episodes, env.dataset)
    choices = [Choices(episode.tokens[episode.info["prompt_length"] :]) for episode in episodes]
    if model is not None:
        under_reference, under_agent = log_probs(episodes, model, None if deterministic else agent)
        for i, record in enumerate(records):
            own = None if under_agent is None else under_agent[i]
            choices[i] = Choices(choices[i].ids, own, under_reference[i])
            record["reference_log_prob"] = _sum(under_reference[i])
            record["kl"] = None if own is None else _sum(own) - record["reference_log_prob"]
    figures = _metrics(records, getattr(agent, "kl_bound", None)) | whole
    return Evaluation(records, figures, choices, env.tokenizer)


def number_of_examples(num_examples: int | None, env: TextGenVectorEnv) -> int:
    """How many are meant: the whole data set's for None."""
    available = len(env.dataset)
    if num_examples is None:
        return available
    if not isinstance(num_examples, (int, np.integer)) or num_examples is True or not 1 <= num_examples <= available:
        raise ConfigurationError(
            f"num_examples is {shown(num_examples)}, and {env.dataset.name}, split {env.dataset.split!r}, has "
            f"{available} rows: give a number from 1 to {available}, or None for all."
        )
    return num_examples


def reference_of(reference: str | None, env: TextGenVectorEnv) -> str | None:
    """The name of the reference model that is meant; None for none.

    Raises:
        ConfigurationError: It is the one that the environment's tokenizer is named after, which has no name.
    """
    if reference != ENVIRONMENTS_OWN:
        return reference
    if not env.tokenizer.name:
        raise ConfigurationError(
            "The environment's tokenizer has no name, so that no model is known to have its vocabulary. Give "
            "reference=NAME, the model to measure divergence from, or reference=None to do without."
        )
    return env.tokenizer.name


def _record(episode: Episode) -> dict[str, Any]:
    info = episode.info
    return {
        "index": info["index"],
        "prompt": info["prompt"],
        "completion": info["completion"],
        "reference": info.get("reference"),
        "rewards": info["rewards"],
        "return": episode.score,
        "gold": None,
        "metrics": {},
        "kl": None,
        "reference_log_prob": None,
        "length": info["completion_length"],
        "finish_reason": info["finish_reason"],
    }


def judge_of(gold: str | RewardFunction | None, env_id: str) -> str | RewardFunction | None:
    """The judge that is meant: the task's own for "auto", which an id without a task does not have."""
    if gold != TASKS_OWN:
        return gold
    task = task_of(env_id)
    return task.gold if task else None


def _values(
    judges: Sequence[str | RewardFunction], records: list[dict[str, Any]], episodes: list[Episode], dataset: Dataset
) -> dict[str, list[float | None]]:
    """What each judge says of all completions, by its name, in one call: None where it does not apply."""
    rows = [record["index"] for record in records]
    starts = [episode.info["prompt_length"] for episode in episodes]
    arguments: dict[str, Any] = _columns(dataset, rows) | {
        "prompts": [record["prompt"] for record in records],
        "completions": [record["completion"] for record in records],
        "completion_ids": [
            episode.tokens[start : start + record["length"]].tolist()
            for episode, start, record in zip(episodes, starts, records, strict=True)
        ],
    }
    names = RowNames(dataset, rows)
    return {name: call(name, judge, arguments, names) for name, judge in map(resolve, judges)}


def _columns(dataset: Dataset, rows: Sequence[int]) -> dict[str, list[Any]]:
    """Of some rows, what reward functions get."""
    return {name: [values[i] for i in rows] for name, values in dataset.columns.items() if name not in GIVEN}


def _applies(judge: str | RewardFunction, dataset: Dataset) -> bool:
    """Whether the data has the columns that a judge declares."""
    return {*getattr(resolve(judge)[1], "columns", ())} <= dataset.columns.keys()


def _add_task_metrics(
    task: Task | None, records: list[dict[str, Any]], episodes: list[Episode], dataset: Dataset
) -> dict[str, float | None]:
    """Give each record the task's metrics of single texts; returns their means, and the metrics of all texts."""
    names = task.metrics if task else ()
    single = [name for name in names if name not in metrics.CORPUS and _applies(name, dataset)]
    values = _values(single, records, episodes, dataset)
    for i, record in enumerate(records):
        record["metrics"] = {name: own[i] for name, own in values.items() if own[i] is not None}
    figures = {name: _mean(own) for name, own in values.items()}
    references = dataset.columns.get("reference", [None] * len(dataset))
    compared = [record for record in records if references[record["index"]] is not None]
    if compared:
        columns = _columns(dataset, [record["index"] for record in compared])
        for name in names:
            if name in metrics.CORPUS:
                figures |= metrics.CORPUS[name]([record["completion"] for record in compared], columns)
    return {f"metric/{name}": value for name, value in figures.items()}


def _metrics(records: list[dict[str, Any]], kl_bound: float | None) -> dict[str, float | None]:
    completions = [record["completion"] for record in records]
    components = dict.fromkeys(name for record in records for name in record["rewards"])
    n_tokens = sum(record["length"] + (record["finish_reason"] == "eos") for record in records)
    perplexity = None
    if records[0]["reference_log_prob"] is not None:
        perplexity = math.exp(-sum(record["reference_log_prob"] for record in records) / n_tokens)
    return {
        **{f"reward/{name}": _mean([record["rewards"].get(name) for record in records]) for name in components},
        "return": _mean([record["return"] for record in records]),
        "gold": _mean([record["gold"] for record in records]),
        "kl": _mean([record["kl"] for record in records]),
        "kl_bound": kl_bound,
        "perplexity": perplexity,
        "distinct_1": metrics.distinct_n(completions, 1),
        "distinct_2": metrics.distinct_n(completions, 2),
        "invalid_words": metrics.invalid_words(completions),
        "length": _mean([record["length"] for record in records]),
        "eos_rate": _mean([record["finish_reason"] == "eos" for record in records]),
    }


def _sum(log_probs: np.ndarray) -> float:
    """In the order of the tokens, so that equal ones give equal bits."""
    return float(log_probs.cumsum()[-1])


def _mean(values: Sequence[float | None]) -> float | None:
    """Of the values that there are."""
    present = [value for value in values if value is not None]
    return float(np.mean(present)) if present else None
