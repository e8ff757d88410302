"""TRL's GRPOTrainer takes textgym's rewards, data sets and models unchanged: the way up to big models."""

from __future__ import annotations

import math

import numpy as np
import pytest

from textgym import data, models, rewards
from textgym.envs import ENVIRONMENTS
from textgym.errors import MissingPackageError
from textgym.rewards import RewardFunctions

trl = pytest.importorskip("trl")


class Recorder:
    """A reward function that sees what TRL calls reward functions with; it is worth nothing."""

    def __init__(self):
        self.calls = []

    def __call__(self, **arguments):
        self.calls.append(arguments)
        return [0.0] * len(arguments["completions"])


def train(functions, dataset, folder, weights=None, **settings):
    """Two steps of GRPO on a CPU: the trainer's logs of them, and what its reward functions were called with."""
    recorder = Recorder()
    model, tokenizer = models.load("textgym-tiny")
    trainer = trl.GRPOTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=dataset,
        reward_funcs=[*functions, recorder],
        args=trl.GRPOConfig(
            output_dir=str(folder),
            max_steps=2,
            per_device_train_batch_size=6,
            num_generations=3,
            max_completion_length=6,
            reward_weights=None if weights is None else [*weights, 1.0],
            use_cpu=True,
            bf16=False,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            seed=0,
            **settings,
        ),
    )
    before = [parameter.detach().clone() for parameter in model.parameters()]
    trainer.train()
    moved = any(not old.equal(new) for old, new in zip(before, model.parameters(), strict=True))
    logs = [log for log in trainer.state.log_history if "reward" in log]
    assert len(logs) == len(recorder.calls) == 2
    assert all(math.isfinite(log["loss"]) and math.isfinite(log["grad_norm"]) for log in logs)
    return logs, recorder.calls, moved


def rescored(functions, weights, call):
    """The rewards and components of a call, as textgym's own composition has them."""
    columns = {name: values for name, values in call.items() if isinstance(values, list)}
    given = {name: columns.pop(name) for name in ("prompts", "completions", "completion_ids")}
    return RewardFunctions(functions, weights).score(**given, columns=columns)


@pytest.mark.parametrize(
    ("dataset", "names", "weights"),
    [
        ("sentiment", ["sentiment", "length", "token_f1", "repetition"], None),
        ("sentiment", ["sentiment", "length"], [1.0, 0.5]),
        ("arithmetic", ["arithmetic", "exact_match", "chrf"], [0.5, 0.0, 2.0]),
    ],
)
def test_rewards_by_name_and_data_sets_go_in_as_they_are(dataset, names, weights, tmp_path):
    # a reward that TRL could not name, would call with too little, or whose columns were lost on the way
    # hot, or else a model that knows the task writes the same three times, and there is nothing to learn
    settings = {"temperature": 2.0}
    logs, calls, moved = train(list(map(rewards.get, names)), data.to_hf(dataset), tmp_path, weights, **settings)
    for log, call in zip(logs, calls, strict=True):
        totals, components = rescored(names, weights, call)
        assert log["reward"] == pytest.approx(totals.mean(), abs=1e-5)
        for name in names:
            expected = np.mean([component[name] for component in components])
            assert log[f"rewards/{name}/mean"] == pytest.approx(expected, abs=1e-5)
        prompts = data.load(dataset).columns["prompt"]
        assert set(call["prompts"]) <= set(prompts)
        assert len(set(call["completions"])) > 1, "all completions are the same: their scores would tell nothing"
    assert moved


def test_rewards_made_of_others_models_and_rows_without_a_value_go_in_too(tmp_path):
    # TRL hands reward functions more than columns (its trainer's state), and takes None where one does not apply
    rows = [
        {"prompt": f"The film {i}", "reference": ["was good", "is good"], "keywords": ["film"] if i % 2 else None}
        for i in range(8)
    ]
    functions = [
        rewards.Gated("token_f1", by="length", at_least=0.2),
        rewards.Clipped(rewards.Cached("sentiment"), 0.2, 0.6),
        rewards.Lenient("length"),
        rewards.get("keywords"),
        rewards.get("gold"),
    ]
    logs, calls, _ = train(functions, data.to_hf(rows), tmp_path)
    for log, call in zip(logs, calls, strict=True):
        totals, components = rescored(functions, None, call)
        assert log["reward"] == pytest.approx(totals.mean(), abs=1e-5)
        applied = [component["keywords"] for component in components if "keywords" in component]
        assert len(applied) == sum(value is not None for value in call["keywords"])
        if applied:
            assert log["rewards/keywords/mean"] == pytest.approx(np.mean(applied), abs=1e-5)


@pytest.mark.parametrize("env_id", sorted(ENVIRONMENTS))
def test_every_tasks_columns_are_scored_the_same_once_they_were_in_arrow(env_id):
    # Arrow gives every row the union of all rows' keys, and None for those that a row does not have
    task = ENVIRONMENTS[env_id].task
    names = sorted({task.reward_funcs, task.gold, *task.metrics} & set(rewards.names()))
    columns = {name: list(values[:40]) for name, values in data.load(task.dataset).columns.items()}
    table = data.to_hf(task.dataset)
    texts = [text if isinstance(text, str) else text[0] for text in columns["reference"]]
    half = (len(texts) + 1) // 2
    completions = [*texts[:half], *texts[: len(texts) - half]]
    given = {"prompts": columns["prompt"], "completions": completions, "completion_ids": [[]] * len(texts)}
    own = RewardFunctions(names).score(**given, columns=columns)
    arrow = RewardFunctions(names).score(**given, columns={name: table[name][:40] for name in table.column_names})
    assert own[1] == arrow[1]
    assert len({str(component) for component in own[1]}) > 1, (
        "all are scored the same: a column that is lost would not show"
    )


@pytest.mark.parametrize("name", rewards.names())
def test_every_reward_has_a_name_for_trls_log(name):
    # older versions of TRL demand __name__; newer ones would write the class's, the same for every one of them
    try:
        function = rewards.get(name)
    except MissingPackageError as error:
        pytest.skip(str(error))
    assert function.__name__ == name
