"""Models of many types are computed as transformers computes them, or refused by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from tests import model_types
from textgym import models
from textgym.errors import ConfigurationError
from textgym.models import CausalLM
from textgym.models.cache import CachedTrunk
from textgym.models.causal_lm import checkpoint_layers
from textgym.models.packing import pack


@pytest.fixture(scope="module", params=model_types.TYPES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return model_types.write(request.param, tmp_path_factory.mktemp(request.param))


def test_it_writes_what_transformers_writes(folder: str) -> None:
    """Greedily from three prompts at once, the last of which begins anew half way."""
    lm, theirs = CausalLM.load(folder), AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    rng = np.random.default_rng(0)
    prompts = [rng.integers(3, 4096, length).tolist() for length in (7, 3, 12, 5)]

    def expected(prompt: list[int], n: int) -> list[int]:
        ids = torch.tensor([prompt])
        options: dict[str, Any] = {"do_sample": False, "min_new_tokens": n, "max_new_tokens": n, "pad_token_id": 0}
        never = [[token] for token in range(4096, theirs.config.vocab_size)]  # of which no tokenizer knows
        return theirs.generate(ids, **options, eos_token_id=None, bad_words_ids=never or None)[0].tolist()

    trunk, texts = CachedTrunk(lm.trunk, lm.head), prompts[:3]
    for step in range(12):
        if step == 6:
            assert texts[2] == expected(prompts[2], 6)
            texts[2] = prompts[3]
        ids, mask = torch.zeros(3, 32, dtype=torch.long), torch.zeros(3, 32, dtype=torch.long)
        for row, text in enumerate(texts):
            ids[row, : len(text)], mask[row, : len(text)] = torch.tensor(text), 1
        with torch.no_grad():
            chosen = trunk.logits(trunk.last_hidden(ids, mask)).argmax(1).tolist()
        texts = [[*text, token] for text, token in zip(texts, chosen, strict=True)]
    assert texts == [expected(prompts[0], 12), expected(prompts[1], 12), expected(prompts[3], 6)]


def test_packed_texts_have_its_log_probabilities_and_gradients(folder: str) -> None:
    """Of texts alone, in shared rows, and behind prompts that are read once, the latter also with layers that are
    computed again; the gradients are of all weights."""
    lm, rng = CausalLM.load(folder), np.random.default_rng(1)
    lm.model.requires_grad_(True)
    prompt = rng.integers(3, 4096, 20)
    texts = [np.append(prompt, rng.integers(3, 4096, own)) for own in (9, 4, 6)] + [rng.integers(3, 4096, 8)]
    prompts = [20, 20, 20, 3]
    timesteps = [range(begin - 1, len(text) - 1) for begin, text in zip(prompts, texts, strict=True)]
    tokens = torch.as_tensor(np.concatenate([text[begin:] for begin, text in zip(prompts, texts, strict=True)]))

    def gradient(log_prob: torch.Tensor) -> torch.Tensor:
        lm.model.zero_grad()
        (log_prob * torch.linspace(-1, 1, len(log_prob))).sum().backward()
        found = torch.cat([weight.grad.flatten() for weight in lm.trained_parameters() if weight.grad is not None])
        return found / found.norm()

    log_probs = [lm.model(input_ids=torch.as_tensor(text)[None]).logits[0, :-1].log_softmax(1) for text in texts]
    whole = torch.cat([rows[list(steps)] for rows, steps in zip(log_probs, timesteps, strict=True)])
    whole = whole.gather(1, tokens[:, None])[:, 0]
    expected = gradient(whole)
    areas = []
    for keywords in ({"share_rows": False}, {"share_rows": True}, {"prompts": prompts}):
        batch = pack(texts, timesteps, "cpu", **keywords)  # type: ignore[arg-type]
        areas.append(batch.input_ids.numel())
        log_prob, _ = lm.statistics(lm.states(batch), tokens)
        torch.testing.assert_close(log_prob, whole, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(gradient(log_prob), expected, atol=1e-5, rtol=1e-3)
    checkpoint_layers(lm.trunk.train())
    log_prob, _ = lm.statistics(lm.states(batch), tokens)
    torch.testing.assert_close(gradient(log_prob), expected, atol=1e-5, rtol=1e-3)
    assert areas[0] > areas[1] > areas[2]


def test_it_is_decoded_in_bfloat16(folder: str) -> None:
    """A frequency or a scale that is rounded beside the weights would move it; a text aside they differ by 5 nats."""
    lm, ids = CausalLM.load(folder), torch.as_tensor(np.random.default_rng(2).integers(3, 4096, (4, 42)))
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        trunk = CachedTrunk(lm.trunk, lm.head, dtype)
        for length in (40, 41, 42):
            hidden = trunk.last_hidden(ids, (torch.arange(42) < length).long().expand(4, -1))
        with torch.no_grad():
            found.append(trunk.logits(hidden).log_softmax(1))
    expected, rounded = found
    assert 0 < (expected.exp() * (expected - rounded)).sum(1).mean() < 0.02


SLIDING = {"sliding_window": 8}
EYES = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28}
SCALES = {
    "rope_theta": 1e4,
    "short_factor": [1.0] * 4,
    "long_factor": [3.0] * 4,
    "original_max_position_embeddings": 16,
}

OWN_WAY = "computes attention in a way of its own"


@pytest.mark.parametrize(
    ("model_type", "changes", "reason"),
    [
        ("mistral", SLIDING, r"\(mistral\) has a sliding window of 8 .*\"sliding_window\": null"),
        ("phi3", SLIDING, r"\(phi3\) has a sliding window of 8"),
        ("qwen2", SLIDING | {"use_sliding_window": True, "max_window_layers": 1}, "sliding_attention .* of 8"),
        ("gemma2", model_types.GROUPED, r"\(gemma2\) has layers of sliding_attention \(a window of 4096 tokens\)"),
        ("gemma3_text", {"layer_types": ["sliding_attention", "full_attention"]}, "layers of sliding_attention"),
        ("gemma3_text", {"final_logit_softcapping": 30.0}, r"logits behind the head \(final_logit_softcapping=30\.0\)"),
        ("gemma2", model_types.GROUPED | model_types.FULL | {"final_logit_softcapping": None}, OWN_WAY),
        ("granite", model_types.GROUPED | {"logits_scaling": 8.0}, r"logits_scaling=8\.0"),
        ("cohere", model_types.GROUPED, r"logit_scale=0\.0625"),
        ("gemma3", {"text_config": model_types.GROUPED | model_types.FULL, "vision_config": EYES}, "more than text"),
        ("mamba", {"state_size": 4}, "linear_attention"),
        ("bloom", {}, rf"\(bloom\) {OWN_WAY}"),
        ("falcon", {}, rf"\(falcon\) {OWN_WAY}"),
        ("bert", {}, "does not compute its logits as head"),
    ],
)  # fmt: skip
def test_types_that_would_be_wrong_are_refused_by_name(
    model_type: str, changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    """As a policy's reference too, whose log-probabilities were wrong without a word."""
    name = model_types.write(model_type, tmp_path, **changes)
    with pytest.raises(ConfigurationError, match=rf"{reason}.*give a model of such a type"):
        CausalLM.load(name)


def test_scales_without_effect_are_accepted(tmp_path: Path) -> None:
    for name, changes in {"granite": {"logits_scaling": 1.0}, "cohere": {"logit_scale": 1.0}}.items():
        CausalLM.load(model_types.write(name, tmp_path / name, **model_types.GROUPED, **changes))


def test_a_window_that_no_text_fills_changes_nothing(tmp_path: Path) -> None:
    """So that the remedy of the refusal is one."""
    wide, full = (
        models.load(model_types.write("mistral", tmp_path / str(window), sliding_window=window))[0]
        for window in (64, None)
    )
    ids = torch.arange(5, 60)[None]
    with torch.no_grad():
        torch.testing.assert_close(wide(input_ids=ids).logits, full(input_ids=ids).logits)


def test_positions_that_longer_texts_turn_bound_the_context(tmp_path: Path) -> None:
    """LongRoPE's factors change for the whole text, and all beside it, as soon as one is longer."""
    rotation = {"rope_type": "longrope", "partial_rotary_factor": 1.0, **SCALES}
    name = model_types.write("phi3", tmp_path, rope_parameters=rotation, original_max_position_embeddings=16)
    lm = CausalLM.load(name)
    assert lm.context == 16
    ids = torch.arange(5, 22)[None]
    with torch.no_grad():
        short, long = (lm.model(input_ids=ids[:, :n]).logits[0, :16] for n in (16, 17))
    assert (short - long).abs().max() > 0.1


def test_layers_that_transformers_cannot_checkpoint_are_refused(tmp_path: Path) -> None:
    sizes = model_types.VOCABULARY | {"n_embd": 32, "n_layer": 2, "n_head": 4, "dff": 48, "n_positions": 64}
    trunk = models.load(model_types.write("ctrl", tmp_path, **sizes))[0].base_model
    with pytest.raises(ConfigurationError, match=r"gradient_checkpointing=True: CTRLModel .*Leave it out"):
        checkpoint_layers(trunk)


def test_the_docs_name_the_tested_types() -> None:
    page = (Path(__file__).parents[2] / "docs" / "data-and-models.md").read_text(encoding="utf-8")
    (named,) = re.findall(r"<!-- tested types -->(.*?)<!-- end -->", page, re.DOTALL)
    assert re.findall(r"`(\w+)`", named) == [*model_types.TYPES]
