"""A model taken apart computes what it computes whole, with and without an adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model

from textgym import models
from textgym.errors import ConfigurationError
from textgym.models import CausalLM
from textgym.models.cache import CachedTrunk
from textgym.models.causal_lm import Reference, device_of
from textgym.models.packing import pack


def adapted(name: str, **keywords: Any) -> Any:
    """A LoRA whose second matrices are not zero, as they are at first."""
    model = get_peft_model(models.load(name)[0], LoraConfig(task_type="CAUSAL_LM", r=4, **keywords)).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_B" in key:
                parameter.normal_(std=0.1)
    return model


@pytest.fixture(params=["textgym-tiny", "llama", "textgym-tiny adapted", "llama adapted"])
def model(request: pytest.FixtureRequest) -> Any:
    kind, *with_adapter = request.param.split()
    name = request.getfixturevalue("llama") if kind == "llama" else kind
    return adapted(name) if with_adapter else models.load(name)[0]


@pytest.mark.filterwarnings("ignore:fan_in_fan_out")
def test_cached_packed_and_whole_forwards_agree(model: Any) -> None:
    """An adapter that one of them left out would change log-probabilities by about 1."""
    lm = CausalLM(model)
    rng = np.random.default_rng(0)
    texts = [rng.integers(3, 4096, length) for length in (20, 4, 5, 3)]
    timesteps = [range(len(text) - 1) for text in texts]
    batch = pack(texts, timesteps, "cpu")
    tokens = torch.as_tensor(np.concatenate([text[1:] for text in texts]))
    with torch.no_grad():
        whole = [model(input_ids=torch.as_tensor(text)[None]).logits[0].log_softmax(1) for text in texts]
    expected = torch.cat([rows[:-1].gather(1, torch.as_tensor(text[1:])[:, None])[:, 0]
                          for rows, text in zip(whole, texts, strict=True)])  # fmt: skip
    torch.testing.assert_close(lm.log_prob(batch, tokens), expected, atol=1e-4, rtol=0)
    log_prob, entropy = lm.statistics(lm.states(batch), tokens)
    torch.testing.assert_close(log_prob.detach(), expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(entropy[:19].detach(), -(whole[0].exp() * whole[0]).sum(1)[:-1], atol=1e-4, rtol=0)
    trunk, ids = CachedTrunk(lm.trunk, lm.head), torch.as_tensor(texts[0])[None]
    for length in range(3, 21):
        hidden = trunk.last_hidden(ids, (torch.arange(20) < length)[None].long())
        with torch.no_grad():
            actual = trunk.logits(hidden)[0].log_softmax(0)
        torch.testing.assert_close(actual, whole[0][length - 1], atol=2e-4, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:fan_in_fan_out")
def test_the_reference_is_the_model_with_its_adapter_off() -> None:
    lm, plain = CausalLM(adapted("textgym-tiny")), CausalLM.load("textgym-tiny")
    batch, tokens = pack([np.arange(5, 30)], [range(24)], "cpu"), torch.arange(6, 30)
    expected = plain.log_prob(batch, tokens)
    assert (lm.log_prob(batch, tokens) - expected).abs().max() > 0.1
    reference = Reference(lm)
    torch.testing.assert_close(reference.log_prob(batch, tokens), expected)
    gathered = reference.log_probs_of_vocabulary(batch).gather(1, tokens[:, None])[:, 0]
    torch.testing.assert_close(gathered, expected, atol=1e-5, rtol=0)
    assert (lm.log_prob(batch, tokens) - expected).abs().max() > 0.1  # and it is on again
    assert all(parameter.requires_grad for parameter in lm.trained_parameters())


@pytest.mark.filterwarnings("ignore:fan_in_fan_out")
def test_an_adapter_alone_is_trained() -> None:
    """And what is frozen gets no gradient, of which the head's would be as large as the vocabulary."""
    lm = CausalLM(adapted("textgym-tiny"))
    batch, tokens = pack([np.arange(5, 30)], [range(24)], "cpu"), torch.arange(6, 30)
    lm.statistics(lm.states(batch), tokens)[0].sum().backward()
    trained = lm.trained_parameters()
    assert 0 < sum(p.numel() for p in trained) < 0.05 * sum(p.numel() for p in lm.model.parameters())
    assert {id(p) for p in lm.model.parameters() if p.grad is not None} == {id(p) for p in trained}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "config",
    [
        LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["lm_head"]),
        LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["wte"]),
        LoraConfig(task_type="CAUSAL_LM", r=2, modules_to_save=["lm_head"]),
        PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
    ],
)
def test_adapters_of_the_head_the_embeddings_or_the_text_are_refused(config: Any) -> None:
    """They would be left out of log-probabilities without a word."""
    with pytest.raises(ConfigurationError, match="target_modules"):
        CausalLM(get_peft_model(models.load()[0], config))


def test_devices() -> None:
    assert device_of("cpu") == torch.device("cpu") and device_of("meta").type == "meta"
    assert device_of("auto") == (torch.accelerator.current_accelerator() or torch.device("cpu"))
    assert CausalLM.load("textgym-tiny", "meta").device.type == "meta"


@pytest.mark.filterwarnings("ignore:fan_in_fan_out")
def test_a_plain_model_computes_the_same(tmp_path: Path) -> None:
    model = adapted("textgym-tiny")
    ids = torch.arange(5, 30)[None]
    with torch.no_grad():
        expected = model(input_ids=ids).logits
        plain = CausalLM(model).plain()
        torch.testing.assert_close(plain(input_ids=ids).logits, expected, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(model(input_ids=ids).logits, expected)  # which is left as it was
    assert not hasattr(plain, "get_base_model")
