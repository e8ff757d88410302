"""The environment's tokenizer: transformers' names over the light `tokenizers` library."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders

from textgym.errors import ConfigurationError

# what pads where a model names no pad token; environments mask it, so nothing that a text may need, as <|im_end|>
PAD_NAMES = ("<|pad|>", "[PAD]", "<pad>", "<|padding|>", "<|endoftext|>")


# byte-level BPE writes every byte as a character that can be seen (Radford et al., 2019): itself, or one behind U+0100
VISIBLE = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
HIDDEN = [byte for byte in range(256) if byte not in VISIBLE]
BYTES = {chr(byte): byte for byte in VISIBLE} | {chr(256 + n): byte for n, byte in enumerate(HIDDEN)}


class TextTokenizer:
    """Text to token ids and back.

    Args:
        tokenizer: The tokenizer of the `tokenizers` library.
        eos_token_id: Ends a completion.
        pad_token_id: Fills an observation's tail; may be EOS, for attention masks tell where a text ends.
        bos_token_id: Begins a text, in models that have such a token.
        name: What `textgym.models.load` calls the model with this vocabulary.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        eos_token_id: int,
        pad_token_id: int,
        bos_token_id: int | None = None,
        name: str = "",
    ) -> None:
        # text is text: a user's "<|endoftext|>" must not become the token that ends an episode
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        self.eos_token_id = eos_token_id
        self.pad_token_id = pad_token_id
        self.bos_token_id = bos_token_id
        self.name = name
        self.vocab_size: int = tokenizer.get_vocab_size()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_bytes_by_id"}  # made again in no time

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._tokenizer.encode_special_tokens = True  # the one setting that `tokenizers` forgets when it is pickled

    @property
    def special_tokens(self) -> dict[str, int]:
        """Ids of the special tokens by their text, for example ``{"<|endoftext|>": 1}``."""
        added = self._tokenizer.get_added_tokens_decoder()
        return {token.content: i for i, token in added.items() if token.special}

    @classmethod
    def from_file(cls, path: str | Path, *, name: str = "") -> TextTokenizer:
        """Read ``tokenizer.json``, and the roles of its special tokens from ``tokenizer_config.json`` beside it.

        Without a pad token of its own, as in GPT-2 and Llama 2, the first of `PAD_NAMES` in the vocabulary pads, or
        else EOS.

        Raises:
            ConfigurationError: No EOS token can be found.
        """
        path = Path(path)
        tokenizer = Tokenizer.from_file(str(path))
        config_path = path.with_name("tokenizer_config.json")
        config = json.loads(config_path.read_text(encoding="utf-8")) if config_path.exists() else {}

        def declared_id(role: str, default: str | None = None) -> int | None:
            token = config.get(role, default)
            token = token["content"] if isinstance(token, dict) else token
            return tokenizer.token_to_id(token) if token else None

        eos = declared_id("eos_token", "<|endoftext|>")
        if eos is None:
            raise ConfigurationError(f"{path} has no EOS token. Name one in {config_path.name} beside it.")
        pads = [declared_id("pad_token"), *map(tokenizer.token_to_id, PAD_NAMES)]
        return cls(
            tokenizer,
            eos_token_id=eos,
            pad_token_id=next((i for i in pads if i is not None and i != eos), eos),
            bos_token_id=declared_id("bos_token", "<|startoftext|>"),
            name=name,
        )

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without special tokens.

        >>> import textgym
        >>> textgym.load_tokenizer("textgym-tiny").encode("Hi 42")[-2:]
        [22, 20]
        """
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of several texts at once."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids; special tokens are left out."""
        return self.decode_batch([ids])[0]

    def decode_batch(self, batch: Sequence[Sequence[int]]) -> list[str]:
        """The texts of several sequences of ids at once."""
        table = self._bytes_by_id
        if table is None:
            return self._tokenizer.decode_batch([list(ids) for ids in batch], skip_special_tokens=True)
        return [b"".join([table[i] for i in ids]).decode("utf-8", "replace") for ids in batch]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The text that each token adds; they join to the text of all.

        A character whose bytes are spread over several tokens belongs to the last of them, the others add "", as
        special tokens do.
        """
        pieces, written = [""] * len(ids), ""
        for i, text in enumerate(self.decode_batch([ids[: i + 1] for i in range(len(ids))])):
            # "\ufffd" at the end: half a character, or bytes that are none and stay so
            if i + 1 == len(ids) or (text.startswith(written) and not text.endswith("\ufffd")):
                pieces[i], written = text[len(written) :], text
        return pieces

    @cached_property
    def _bytes_by_id(self) -> list[bytes] | None:
        """Of a byte-level vocabulary what each token stands for, nothing for special ones; None for other vocabularies.

        Joining them is several times faster than `tokenizers`, whose text it is by test; every episode ends with it.
        """
        if not isinstance(self._tokenizer.decoder, decoders.ByteLevel):
            return None
        table = [b""] * self.vocab_size
        special = set(self.special_tokens.values())
        for token, i in self._tokenizer.get_vocab(with_added_tokens=True).items():
            if i not in special:
                written = [BYTES.get(character) for character in token]
                table[i] = token.encode() if None in written else bytes(written)  # type: ignore[arg-type]
        return table


@lru_cache
def load_tokenizer(name: str) -> TextTokenizer:
    """Read a model's tokenizer by the model's name; imports no torch.

    Args:
        name: What `textgym.models.load` accepts, for example ``"textgym-tiny"``.

    Returns:
        The tokenizer: one object per name and process, for it has no state.

    Raises:
        UnknownNameError: Nothing goes by this name.
        ConfigurationError: The model has no ``tokenizer.json``, or it lacks an EOS token.
    """
    from textgym import models  # here, because a model's module may want the tokenizer

    path = models.folder(name) / "tokenizer.json"
    if not path.is_file():
        raise ConfigurationError(
            f"Model {name!r} has no tokenizer.json in {path.parent}. Write one with transformers: "
            "AutoTokenizer.from_pretrained(folder, use_fast=True).save_pretrained(folder)."
        )
    return TextTokenizer.from_file(path, name=name)
