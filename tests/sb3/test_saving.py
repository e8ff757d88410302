"""Saves that a killed process cannot spoil, and exports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from transformers import AutoModelForCausalLM, AutoTokenizer

from textgym import models
from textgym.errors import ConfigurationError
from textgym.sb3 import GRPO, save
from textgym.sb3.saving import replacing


def test_the_old_file_stays_until_the_new_one_is_whole(make_ppo: Callable[..., PPO], tmp_path: Path) -> None:
    """SB3's own save empties it first."""
    model = make_ppo()
    path = save(model, tmp_path / "new" / "ppo")
    assert path == tmp_path / "new" / "ppo.zip"
    whole = path.read_bytes()

    class Killed(BaseException):
        pass

    def parameters() -> None:
        assert path.read_bytes() == whole
        raise Killed

    model.get_parameters = parameters  # type: ignore[assignment, method-assign]
    with pytest.raises(Killed):
        save(model, path)
    assert path.read_bytes() == whole and [*path.parent.iterdir()] == [path]
    loaded = PPO.load(path, device="cpu")
    assert all(torch.equal(a, b) for a, b in zip(loaded.policy.parameters(), model.policy.parameters(), strict=True))


def test_a_model_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with replacing(folder) as beside:
        (beside / "config.json").write_text("1")
        (beside / "adapter_config.json").write_text("of an adapter")
    (folder / "notes.md").write_text("mine")
    (folder / "logs").mkdir()
    with pytest.raises(KeyboardInterrupt), replacing(folder) as beside:
        (beside / "config.json").write_text("half")
        raise KeyboardInterrupt
    assert (folder / "config.json").read_text() == "1" and [*tmp_path.iterdir()] == [folder]
    with replacing(folder) as beside:
        (beside / "config.json").write_text("2")
    assert (folder / "config.json").read_text() == "2" and (folder / "notes.md").read_text() == "mine"
    assert {path.name for path in folder.iterdir()} == {"config.json", "notes.md", "logs"}
    assert [*tmp_path.iterdir()] == [folder]


def test_what_holds_no_model_is_not_overwritten(make_ppo: Callable[..., PPO], tmp_path: Path) -> None:
    model, file, folder = make_ppo(), tmp_path / "file", tmp_path / "thesis"
    file.write_text("text")
    folder.mkdir()
    (folder / "chapter.tex").write_text("text")
    with pytest.raises(ConfigurationError, match="file' is a file"):
        model.policy.export(file)
    with pytest.raises(ConfigurationError, match="thesis' is not empty"):
        model.policy.export(folder)
    assert file.read_text() == "text" and [path.name for path in folder.iterdir()] == ["chapter.tex"]


LORA = {"peft_type": "LORA", "r": 4}
GROUPS = {
    **dict.fromkeys(("n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda", "rollout_buffer_class")),
    "n_prompts": 4, "group_size": 2, "algorithm": GRPO,
}  # fmt: skip


def greedy(model: Any, prompt: list[int], n: int) -> list[int]:
    """What SB3's predict writes, token by token."""
    space, ids = model.observation_space["input_ids"], list(prompt)
    for _ in range(n):
        obs = {
            "input_ids": np.zeros((1, *space.shape), np.int64),
            "attention_mask": np.zeros((1, *space.shape), np.int8),
        }
        obs["input_ids"][0, : len(ids)], obs["attention_mask"][0, : len(ids)] = ids, 1
        ids.append(int(model.predict(obs, deterministic=True)[0][0]))
    return ids


@pytest.mark.parametrize(
    ("options", "adapter", "merged"),
    [({}, None, True), ({}, LORA, True), ({}, LORA, False), (GROUPS, None, True), (GROUPS, LORA, False)],
)
def test_an_export_is_read_by_transformers_and_by_textgym(
    make_ppo: Callable[..., Any], tmp_path: Path, options: dict[str, Any], adapter: dict[str, Any] | None, merged: bool
) -> None:
    """Of PPO and GRPO, an adapter merged or apart: the same logits, and the same tokens."""
    model = make_ppo(policy_kwargs={"peft": adapter}, learning_rate=1e-2, num_envs=4, **options)
    model.learn(80)
    folder = tmp_path / "exported"
    model.policy.export(folder, merged)
    prompt = models.load()[1]("The film").input_ids
    ids = torch.arange(5, 30)[None]
    readers = [AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)]
    readers += [models.load(str(folder))[0]] if merged else []
    with torch.no_grad():
        expected = model.policy.language_model(input_ids=ids).logits
        for loaded in readers:
            torch.testing.assert_close(loaded.eval()(input_ids=ids).logits, expected, atol=1e-3, rtol=1e-3)
            written = loaded.generate(torch.tensor([prompt]), do_sample=False, min_new_tokens=6, max_new_tokens=6)
            assert written[0].tolist() == greedy(model, prompt, 6)
        assert (models.load()[0](input_ids=ids).logits - expected).abs().max() > 0.01
    assert AutoTokenizer.from_pretrained(folder)("A film").input_ids == models.load()[1]("A film").input_ids
    assert (folder / "adapter_config.json").exists() != merged
    if merged:
        again = make_ppo(env={"tokenizer": str(folder)}, policy_kwargs={"model": str(folder)})
        assert not again.policy.causal_lm.has_adapter
