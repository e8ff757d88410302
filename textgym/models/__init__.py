"""Language models by name, offline first.

`load` takes an embedded name (``"textgym-tiny"``), the model of an installed package
(``"smollm2-135m"``), a local folder, or a hub id (``"organisation/name"``, safetensors only, no
remote code). Importing this module imports no torch.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from textgym.errors import ConfigurationError, TextGymError, UnknownNameError, shown
from textgym.models import smollm2
from textgym.paths import is_file, is_folder, user_path
from textgym.tokenizer import TextTokenizer

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from textgym.models.causal_lm import CausalLM as CausalLM
    from textgym.models.packing import PackedBatch as PackedBatch

ASSETS = Path(__file__).parents[1] / "assets"
DEFAULT = "textgym-tiny"
LETTERS = "textgym-letters"  # of TextGen-Solvable-v0
EMBEDDED = (DEFAULT, LETTERS)
NAMES = (*EMBEDDED, smollm2.NAME)
WITH_TORCH = {"CausalLM": "textgym.models.causal_lm", "PackedBatch": "textgym.models.packing"}  # name -> module


def __getattr__(name: str) -> Any:
    """The classes that need torch, imported when they are asked for."""
    if name in WITH_TORCH:
        return getattr(importlib.import_module(WITH_TORCH[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def folder(name: str | Path) -> Path:
    """The folder with a model's ``config.json``, weights and ``tokenizer.json``.

    Args:
        name: The name of an embedded model or of a package's, a local folder, or a hub id with one slash.

    Raises:
        ConfigurationError: It is no text.
        UnknownNameError: Nothing goes by this name, or the hub does not give it.
        MissingPackageError: The package that carries the model is not installed.
    """
    if not isinstance(name, (str, Path)):
        raise ConfigurationError(f"A model's name is {shown(name)}. Give a text, such as {DEFAULT!r}, or a folder.")
    name = str(name)
    if name in EMBEDDED:
        return ASSETS / name
    if name == smollm2.NAME:
        return smollm2.converted_folder()
    path = user_path(name)
    if name and is_file(path / "config.json"):  # an empty name would be the current folder
        return path
    if is_hub_id(name):
        return download(name, "model", NAMES)
    raise UnknownNameError(
        "model", name, NAMES, "A folder with a config.json, or a hub id organisation/name, also works."
    )


def is_hub_id(name: str) -> bool:
    """Whether a name can be a hub id: ``organisation/name``, and no folder that exists."""
    return name.count("/") == 1 and not name.startswith((".", "/", "~")) and not is_folder(Path(name))


def download(name: str, kind: str, known: Iterable[str] = ()) -> Path:
    """The folder of a hub id in the hub's cache.

    Args:
        name: The id.
        kind: What the error calls such a name, for example ``"model"``.
        known: Names that the error lists.

    Raises:
        UnknownNameError: The hub does not give it.
    """
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]))
    except Exception as error:  # the hub's client has dozens of exceptions, and every one means the same to the user
        raise UnknownNameError(
            kind, name, known, f"It is no folder, and the hub did not give it: check id and network ({error})."
        ) from error


def load_tokenizer(source: str | Path | TextTokenizer | Tokenizer | PreTrainedTokenizerBase) -> TextTokenizer:
    """The environment's tokenizer of a model; imports no torch.

    Args:
        source: What `load` accepts, for example ``"textgym-tiny"``; or a tokenizer of transformers or of the library
            `tokenizers`, which is copied; or a `TextTokenizer`, which is returned as it is.

    Returns:
        The tokenizer: one object per name and process, for it has no state.

    Raises:
        UnknownNameError: Nothing goes by this name.
        ConfigurationError: The model has no ``tokenizer.json``, or a broken one, or one without EOS token; or the
            source is of another type.
    """
    if isinstance(source, TextTokenizer):
        return source
    if isinstance(source, (str, Path)):
        return _tokenizer_of(str(source))
    if isinstance(source, Tokenizer):
        return TextTokenizer.from_tokenizer(Tokenizer.from_str(source.to_str()), {})
    theirs: Any = source
    if isinstance(backend := getattr(theirs, "backend_tokenizer", None), Tokenizer):
        roles = {role: getattr(theirs, role, None) for role in ("eos_token", "pad_token", "bos_token", "chat_template")}
        return TextTokenizer.from_tokenizer(
            Tokenizer.from_str(backend.to_str()), roles, name=str(theirs.name_or_path), source=type(source).__name__
        )
    raise ConfigurationError(
        f"tokenizer is {source!r}. Give a model's name or folder, a textgym.tokenizer.TextTokenizer, a "
        "tokenizers.Tokenizer, or a fast tokenizer of transformers: AutoTokenizer.from_pretrained(name, use_fast=True)."
    )


@lru_cache
def _tokenizer_of(name: str) -> TextTokenizer:
    path = folder(name) / "tokenizer.json"
    if not path.is_file():
        raise ConfigurationError(
            f"Model {name!r} has no tokenizer.json in {path.parent}. Write one with transformers: "
            "AutoTokenizer.from_pretrained(folder, use_fast=True).save_pretrained(folder)."
        )
    return TextTokenizer.from_file(path, name=name)


@contextmanager
def without_progress_bar() -> Iterator[None]:
    """Keep transformers from drawing a bar for a model that loads in a second."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def load(
    name: str = DEFAULT, *, dtype: torch.dtype | str = "float32"
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a causal language model and its transformers tokenizer.

    Args:
        name: What `folder` accepts.
        dtype: The weights' type, ``"float32"`` by default.

    Returns:
        The model in evaluation mode, and its tokenizer. Whatever its configuration says, dropout and noise are off, its
        outputs are those that textgym reads, and it is sampled as it is, without top-k or temperature. GPT-2's
        ``gelu_new`` is computed by one kernel, and there are as many embeddings as token ids.

    Raises:
        UnknownNameError: Nothing goes by this name.
        MissingPackageError: The package that carries the model is not installed.
        ConfigurationError: The folder holds no causal language model that transformers can load, or not all of its
            weights, or pickled ones.
    """
    from transformers import AutoTokenizer

    path = folder(name)
    if not any(path.glob("*.safetensors")) and any(path.glob("pytorch_model*.bin")):
        raise ConfigurationError(
            f"The weights of {name!r} are pickled, which may run any code when they are read. If you trust them, write "
            "them as safetensors: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder)."
        )
    try:
        model = _model(path, dtype)
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    except TextGymError:
        raise
    except Exception as error:  # transformers raises whatever the broken part raises
        raise ConfigurationError(
            f"transformers cannot load {name!r} from {path} ({type(error).__name__}: {error}). It must hold a causal "
            "language model and its tokenizer as save_pretrained writes them (config.json, *.safetensors, "
            "tokenizer.json)."
        ) from error
    size = max(tokenizer.get_vocab().values()) + 1  # len(tokenizer) is less where ids have gaps
    if model.get_output_embeddings().weight.shape[0] > size:
        model.resize_token_embeddings(size)  # rows that no token has, there for a GPU's sake
    # transformers looks for padding in every input and warns; padding on the right is invisible under causal attention
    trunk: Any = model.base_model
    trunk.config = copy.copy(trunk.config)
    trunk.config.pad_token_id = None
    return model.eval(), tokenizer


def _model(path: Path, dtype: torch.dtype | str) -> PreTrainedModel:
    """The model of a folder; what its configuration carries besides its architecture is set to what we assume."""
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    config = AutoConfig.from_pretrained(path, trust_remote_code=False)
    for key, value in config.to_dict().items():
        # the policy is the same function in training and in sampling only without dropout, and without noise
        if ("drop" in key or "jitter" in key) and isinstance(value, (int, float)) and not isinstance(value, bool):
            setattr(config, key, 0.0)
        if value == "gelu_new":
            setattr(config, key, "gelu_pytorch_tanh")  # the same function in one kernel instead of eight
    config.return_dict, config.use_cache = True, True
    config.output_hidden_states = config.output_attentions = False
    with without_progress_bar():
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            path, config=config, dtype=dtype, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    model, loading = loaded
    if absent := sorted(loading["missing_keys"]):
        raise ConfigurationError(
            f"{path} has no weights for {len(absent)} parameters of its model, such as {absent[0]}: they would be "
            "random. Write the folder again with save_pretrained, or use the whole download."
        )
    # how a file wants its model to be sampled is not how a policy samples
    ends = model.generation_config
    model.generation_config = GenerationConfig(
        bos_token_id=ends.bos_token_id, eos_token_id=ends.eos_token_id, pad_token_id=ends.pad_token_id
    )
    return model
