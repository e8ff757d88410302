"""The environment's tokenizer: transformers' names over the light `tokenizers` library."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders

from textgym.errors import ConfigurationError, InvalidActionError, shown

# what ends a text where a model names no EOS token
EOS_NAMES = ("<|endoftext|>", "</s>", "<eos>", "[EOS]")
# what pads where a model names no pad token; environments mask it, so nothing that a text may need, as <|im_end|>
PAD_NAMES = ("<|pad|>", "[PAD]", "<pad>", "<|padding|>", "<|endoftext|>")


# byte-level BPE writes every byte as a character that can be seen (Radford et al., 2019): itself, or one behind U+0100
VISIBLE = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
HIDDEN = [byte for byte in range(256) if byte not in VISIBLE]
HALF = re.compile("[\ud800-\udfff]")  # half of a character, which UTF-8 has not
MADE_AGAIN = ("_bytes_by_id", "_special_ids", "_special_pattern")  # in no time, in every process
BYTES = {chr(byte): byte for byte in VISIBLE} | {chr(256 + n): byte for n, byte in enumerate(HIDDEN)}


class TextTokenizer:
    """Text to token ids and back.

    What is encoded and decoded is the text as it stands, nothing in front of it, so that texts can be joined: the ids
    of "The film" followed by those of " is good" decode to "The film is good". Tokenizers of Llama's type put a space
    in front of what they take for the beginning of a text, and drop it when they decode; here they do so only where
    ``begin=True`` says that a text begins.

    Args:
        tokenizer: The tokenizer of the `tokenizers` library. It is taken over: settings that make it cut, pad or
            sample are switched off, and text never becomes a special token.
        eos_token_id: The token that ends a text.
        eos_token_ids: All tokens that end a text, if there are more than that one.
        pad_token_id: Fills an observation's tail; may be EOS, for attention masks tell where a text ends.
        bos_token_id: The token that begins a text, in models that have one.
        chat_template: How the model's conversations are written, in Jinja; None if it has no such form.
        name: What `textgym.models.load` calls the model with this vocabulary.

    Attributes:
        vocab_size: The largest token id plus one, for some vocabularies have gaps.
        eos_token_ids: Every token that ends a text, ``eos_token_id`` first.
        prefix_ids: What the tokenizer's own post-processor puts in front of a text, which is BOS where the model was
            trained with it, and mostly nothing.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        eos_token_id: int,
        pad_token_id: int,
        eos_token_ids: Sequence[int] = (),
        bos_token_id: int | None = None,
        chat_template: str | None = None,
        name: str = "",
    ) -> None:
        self.eos_token_id = eos_token_id
        self.eos_token_ids = tuple(dict.fromkeys((eos_token_id, *eos_token_ids)))
        self.pad_token_id = pad_token_id
        self.bos_token_id = bos_token_id
        self.chat_template = chat_template
        self.name = name
        _switch_off(tokenizer)
        # a declared EOS is one, whatever its flags in the file say: text must not forge it, nor decoding show it
        roles = [i for i in (*self.eos_token_ids, pad_token_id, bos_token_id) if i is not None]
        added = tokenizer.get_added_tokens_decoder()
        ordinary = [tokenizer.id_to_token(i) for i in roles if not (i in added and added[i].special)]
        tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in ordinary if token])
        self._beginning = tokenizer
        self._continuing = _without_prefix_space(tokenizer)
        self.vocab_size: int = max(tokenizer.get_vocab().values(), default=-1) + 1
        self.prefix_ids = self._what_goes_in_front()
        self._refuse_forgeries()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in MADE_AGAIN}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._refuse_forgeries()

    @classmethod
    def from_file(cls, path: str | Path, *, name: str = "") -> TextTokenizer:
        """Read a model's ``tokenizer.json``, and the roles of its tokens from the files beside it.

        ``tokenizer_config.json`` names EOS, pad and BOS; ``generation_config.json`` may list more special tokens that
        end a text. The chat template is in ``chat_template.jinja`` or ``tokenizer_config.json``. For the roles that
        these leave open see `from_tokenizer`.

        Raises:
            ConfigurationError: A file is broken, or no EOS token can be found.
        """
        path = Path(path)
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the only one that `tokenizers` has
            raise ConfigurationError(
                f"{path} is no tokenizer ({error}). Write it with transformers: tokenizer.save_pretrained(folder)."
            ) from error
        config = _json_object(path.with_name("tokenizer_config.json"))
        template = path.with_name("chat_template.jinja")
        if template.is_file():
            config = config | {"chat_template": _text(template)}
        ends = _json_object(path.with_name("generation_config.json")).get("eos_token_id") or []
        ends = ends if isinstance(ends, list) else [ends]
        return cls.from_tokenizer(tokenizer, config, eos_token_ids=ends, name=name, source=str(path))

    @classmethod
    def from_tokenizer(
        cls,
        tokenizer: Tokenizer,
        config: Mapping[str, Any],
        *,
        eos_token_ids: Sequence[int] = (),
        name: str = "",
        source: str = "The tokenizer",
    ) -> TextTokenizer:
        """A tokenizer whose tokens' roles are given by name, as ``tokenizer_config.json`` has them.

        Without an EOS token of its own the first of `EOS_NAMES` in the vocabulary ends a text. Without a pad token, as
        in GPT-2 and Llama 2, the first of `PAD_NAMES` in the vocabulary pads, or else EOS.

        Args:
            tokenizer: The tokenizer; it is taken over.
            config: May have ``eos_token``, ``pad_token``, ``bos_token`` and ``chat_template``.
            eos_token_ids: More tokens that end a text; of these, ids that are no special tokens are left out, for
                configurations keep the defaults of other vocabularies.
            name: What `textgym.models.load` calls the model.
            source: What messages call the tokenizer.

        Raises:
            ConfigurationError: No EOS token can be found.
        """

        def declared_id(role: str, default: str | None = None) -> int | None:
            token = config.get(role) or default
            token = token.get("content") if isinstance(token, dict) else token
            return tokenizer.token_to_id(token) if isinstance(token, str) else None

        added = tokenizer.get_added_tokens_decoder()
        others = [end for end in eos_token_ids if isinstance(end, int) and end in added and added[end].special]
        undeclared = [] if config.get("eos_token") else [*others, *map(tokenizer.token_to_id, EOS_NAMES)]
        eos = next((i for i in (declared_id("eos_token"), *undeclared) if i is not None), None)
        if eos is None:
            raise ConfigurationError(
                f"{source} has no EOS token. Name one in tokenizer_config.json beside it, as eos_token, or make a "
                "textgym.tokenizer.TextTokenizer with its id."
            )
        pads = [declared_id("pad_token"), *map(tokenizer.token_to_id, PAD_NAMES)]
        fallback = pads[0] if pads[0] is not None else eos
        return cls(
            tokenizer,
            eos_token_id=eos,
            eos_token_ids=others,
            pad_token_id=next((i for i in pads if i is not None and i not in (eos, *others)), fallback),
            bos_token_id=declared_id("bos_token", "<|startoftext|>"),
            chat_template=_chat_template(config.get("chat_template")),
            name=name,
        )

    @property
    def special_tokens(self) -> dict[str, int]:
        """Ids of the special tokens by their text, for example ``{"<|endoftext|>": 1}``."""
        added = self._beginning.get_added_tokens_decoder()
        return {token.content: i for i, token in added.items() if token.special}

    def split_special(self, text: str) -> list[tuple[str, int | None]]:
        """A text in pieces: each with the id of the special token that it is, None if it is none.

        White space that a special token takes in, as its flags ``lstrip`` and ``rstrip`` say, belongs to its piece.
        """
        pieces = []
        for piece in filter(None, self._special_pattern.split(text)):
            token = piece if piece in self.special_tokens else piece.strip()
            pieces.append((piece, self.special_tokens.get(token)))
        return pieces

    @cached_property
    def _special_ids(self) -> frozenset[int]:
        return frozenset(self.special_tokens.values())

    @cached_property
    def _special_pattern(self) -> re.Pattern[str]:
        special = [token for token in self._beginning.get_added_tokens_decoder().values() if token.special]
        longest_first = sorted(special, key=lambda token: -len(token.content))
        space = {True: r"\s*", False: ""}
        written = (space[token.lstrip] + re.escape(token.content) + space[token.rstrip] for token in longest_first)
        return re.compile("(" + "|".join(written) + ")")

    @property
    def begins_after_special_tokens(self) -> bool:
        """Whether the tokenizer takes what follows a special token in a prompt for the beginning of a text."""
        if self._beginning is self._continuing:
            return False
        end = self.id_to_token(self.eos_token_id)
        self._beginning.encode_special_tokens = False
        following = self._beginning.encode(end + "a", add_special_tokens=False).ids[1:]
        self._refuse_forgeries()
        return following == self.encode_batch(["a"], begin=True)[0]

    def get_vocab(self) -> dict[str, int]:
        """The id of every token, by how it is written in the vocabulary."""
        return self._beginning.get_vocab()

    def id_to_token(self, token_id: int) -> str:
        """How a token is written in the vocabulary; an id in a gap of it has no token, and gives ""."""
        return self._beginning.id_to_token(token_id) or ""

    def to_str(self) -> str:
        """All that the tokenizer does, as the JSON of ``tokenizer.json``."""
        return self._beginning.to_str()

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without special tokens.

        >>> import textgym
        >>> textgym.load_tokenizer("textgym-tiny").encode("Hi 42")[-2:]
        [22, 20]
        """
        try:
            ids = self._continuing.encode(text, add_special_tokens=False).ids
        except TypeError:
            raise _cannot_encode([text]) from None
        return self._without_forgeries(text, ids, begin=False)

    def encode_batch(self, texts: Sequence[str], *, begin: bool = False) -> list[list[int]]:
        """Token ids of several texts at once.

        Args:
            texts: The texts.
            begin: Whether they begin a text, and do not go on from one.

        Raises:
            ConfigurationError: One is no string, or has half of a character.
        """
        tokenizer = self._beginning if begin else self._continuing
        try:
            encoded = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        except TypeError:
            raise _cannot_encode(texts) from None
        return [self._without_forgeries(text, e.ids, begin=begin) for text, e in zip(texts, encoded, strict=True)]

    def _without_forgeries(self, text: str, ids: list[int], *, begin: bool) -> list[int]:
        """The ids of a text, encoded in parts if it spells a special token and the vocabulary has that as a word.

        Unigram's vocabularies have, as those of T5: there the "</s>" of a text would be the EOS.
        """
        if self._special_ids.isdisjoint(ids):
            return ids
        parts = re.split("|".join(f"(?<={re.escape(t[:1])})(?={re.escape(t[1:])})" for t in self.special_tokens), text)
        if len(parts) == 1:  # the token of unknown words is a special one, too
            return ids
        first, *others = parts
        tokenizer = self._beginning if begin else self._continuing
        ids = tokenizer.encode(first, add_special_tokens=False).ids
        for part in others:
            ids += self._continuing.encode(part, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """The text of token ids.

        Args:
            ids: The ids.
            skip_special_tokens: Whether special tokens are left out.
        """
        return self.decode_batch([ids], skip_special_tokens=skip_special_tokens)[0]

    def decode_batch(self, batch: Sequence[Sequence[int]], *, skip_special_tokens: bool = True) -> list[str]:
        """The texts of several sequences of ids at once; see `decode`.

        Raises:
            InvalidActionError: An id is none of the vocabulary's.
        """
        table = self._bytes_by_id if skip_special_tokens else None
        try:
            if table is None:
                return self._continuing.decode_batch(
                    [list(ids) for ids in batch], skip_special_tokens=skip_special_tokens
                )
            return [b"".join([table[i] for i in ids]).decode("utf-8", "replace") for ids in batch]
        except (KeyError, OverflowError, TypeError):
            raise InvalidActionError(
                f"{shown(batch)} are not all token ids. Give integers from 0 to {self.vocab_size - 1}."
            ) from None

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

    def bytes_of_tokens(self) -> list[bytes]:
        """What each of the V tokens adds to a text, in UTF-8; nothing for special tokens.

        A token of a byte-level vocabulary may be part of a character.
        """
        table = self._bytes_by_id
        if table is None:
            return [text.encode() for text in self.decode_batch([[i] for i in range(self.vocab_size)])]
        return [table[i] for i in range(self.vocab_size)]

    @cached_property
    def _bytes_by_id(self) -> dict[int, bytes] | None:
        """What each token of a byte-level vocabulary stands for, nothing for special ones; None for other vocabularies.

        Joining them is several times faster than `tokenizers`, whose text it is by test; every episode ends with it.
        """
        if not isinstance(self._continuing.decoder, decoders.ByteLevel):
            return None
        table = dict.fromkeys(range(self.vocab_size), b"")
        special = self.special_tokens
        for token, i in self.get_vocab().items():
            if token not in special:
                written = [BYTES.get(character) for character in token]
                table[i] = token.encode() if None in written else bytes(written)  # type: ignore[arg-type]
        return table

    def _what_goes_in_front(self) -> tuple[int, ...]:
        text = self._beginning.encode("a", add_special_tokens=False).ids
        whole = self._beginning.encode("a", add_special_tokens=True).ids
        at = next((at for at in range(len(whole)) if whole[at : at + len(text)] == text), 0)
        return tuple(whole[:at])

    def _refuse_forgeries(self) -> None:
        """Text is text: a user's "<|endoftext|>" must not become the token that ends an episode.

        It is the one setting that `tokenizers` forgets when it is pickled or written to a file.
        """
        self._beginning.encode_special_tokens = self._continuing.encode_special_tokens = True


def _switch_off(tokenizer: Tokenizer) -> None:
    """Switch off what a file may carry that would cut, pad or sample: encoding depends on the text alone."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    for setting in ("dropout", "alpha", "nbest_size"):  # of BPE, and of Unigram's sampling
        if getattr(tokenizer.model, setting, None) is not None:
            setattr(tokenizer.model, setting, None)


def _without_prefix_space(tokenizer: Tokenizer) -> Tokenizer:
    """A copy that puts no space in front of a text, and drops none; the tokenizer itself where it does neither."""
    parts = {name: getattr(tokenizer, name) for name in ("normalizer", "pre_tokenizer", "decoder")}
    states = {name: json.loads(part.__getstate__()) for name, part in parts.items() if part is not None}
    plain = {name: _plain(state, name) for name, state in states.items()}
    if plain == states:
        return tokenizer
    return Tokenizer.from_str(json.dumps(json.loads(tokenizer.to_str()) | plain))


def _plain(state: dict[str, Any], part: str) -> dict[str, Any] | None:
    """A component of a tokenizer as JSON, without what it does about a space in front of a text."""
    kind = state["type"]
    if kind == "Sequence":
        (steps,) = state.keys() - {"type"}  # called normalizers, pretokenizers or decoders
        return state | {steps: [plain for step in state[steps] if (plain := _plain(step, part)) is not None]}
    if kind == "Prepend":
        return None
    if kind == "Metaspace":
        return state | {"prepend_scheme": "never"}
    if kind == "ByteLevel" and part == "pre_tokenizer":
        return state | {"add_prefix_space": False}
    if kind == "Strip" and part == "decoder":
        return state | {"start": 0}
    return state


def _cannot_encode(texts: Sequence[Any]) -> ConfigurationError:
    broken = next((text for text in texts if not isinstance(text, str) or HALF.search(text)), texts)
    return ConfigurationError(
        f"{shown(broken)} cannot be encoded: it is no string, or has half of a character. Repair the text."
    )


def _chat_template(value: Any) -> str | None:
    """The chat template that a tokenizer's configuration has: one, or several by name, of which the default is ours."""
    if isinstance(value, list):
        value = {entry.get("name"): entry.get("template") for entry in value if isinstance(entry, dict)}
    if isinstance(value, dict):
        value = value.get("default")
    return value if isinstance(value, str) else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read ({error}). Write it again as UTF-8.") from error


def _json_object(path: Path) -> dict[str, Any]:
    """The content of a JSON file, nothing if there is no such file."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not JSON ({error}). Write it again.") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} holds {shown(content)}. It must hold a JSON object.")
    return content
