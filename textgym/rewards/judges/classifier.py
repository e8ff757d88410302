"""Any transformers text-classification or token-classification model as a reward."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textgym import metrics, models
from textgym.errors import ConfigurationError, error_text
from textgym.metrics.references import acceptable
from textgym.paths import require_path, user_path
from textgym.rewards.contract import scores, texts

if TYPE_CHECKING:
    import torch
    from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase

BATCH_SIZE = 32


def text_classification(path: str | Path, label: str | None = None) -> TextClassification:
    """The probability that a text-classification model gives one of its labels, as a reward function.

    Args:
        path: Folder, or hub id, of a transformers sequence-classification model with its tokenizer.
        label: The rewarded label; by default the one whose name contains "pos", else the second of two.

    Returns:
        A reward function with values in [0, 1] that scores the completion alone.

    Raises:
        ConfigurationError: At once: the system refuses the path. At the first call: the folder has no model in
            safetensors that transformers itself can load, or the model no such label, or none that is evidently
            positive.
        UnknownNameError: At once: the hub does not give it.
    """
    require_path(path)
    return TextClassification(path, label)


def token_classification(path: str | Path, column: str = "reference") -> TokenClassification:
    """The F1 of the entities that a tagger finds in a completion against those that it finds in its reference.

    A text is judged by whom and what it mentions, however it puts it. Entities are equal if type and words are; what is
    mentioned twice counts twice.

    Args:
        path: Folder, or hub id, of a transformers token-classification model, such as one for named entities, with
            its fast tokenizer.
        column: The data set's column with the reference, or a list of acceptable ones, of which the best counts.

    Returns:
        A reward function with values in [0, 1]; 1.0 where neither text has an entity.

    Raises:
        ConfigurationError: At once: the system refuses the path. At the first call: the folder has no model in
            safetensors that transformers itself can load, or the data set no such column.
        UnknownNameError: At once: the hub does not give it.
    """
    require_path(path)
    return TokenClassification(path, column)


def classification(path: str | Path) -> TextClassification | TokenClassification:
    """The reward of a classifier's folder or hub id, by what its ``config.json`` says that it classifies.

    Raises:
        ConfigurationError: The file is no JSON, or the system refuses the path.
        UnknownNameError: The hub does not give it.
    """
    require_path(path)
    config = _folder(path) / "config.json"
    try:
        architectures = json.loads(config.read_text(encoding="utf-8")).get("architectures") or []
    except (ValueError, AttributeError) as error:
        raise ConfigurationError(f"{config} is no model's configuration ({error}). Save the model anew.") from error
    tokens = any("ForTokenClassification" in name for name in architectures)
    return token_classification(path) if tokens else text_classification(path)


def _folder(path: str | Path) -> Path:
    """Where a classifier's files are, which for a hub id are downloaded, unless they have been."""
    return models.download(str(path), "reward") if models.is_hub_id(str(path)) else user_path(path)


class Classification:
    """A transformers classifier. It is loaded at the first call, once per process."""

    auto_class: str

    def __init__(self, path: str | Path) -> None:
        self.path = _folder(path)
        self.__name__ = Path(path).name  # the hub's cache calls its folders otherwise

    def _logits(self, texts: Sequence[str]) -> Iterator[tuple[torch.Tensor, BatchEncoding]]:
        """Of each batch the logits in fp32 and the encoding; what is longer than the model's context is cut."""
        import torch

        model, tokenizer = self._loaded
        for start in range(0, len(texts), BATCH_SIZE):
            batch = tokenizer(
                list(texts[start : start + BATCH_SIZE]), padding=True, truncation=True, return_tensors="pt"
            )
            with torch.inference_mode():
                yield model(**batch).logits.float(), batch

    @cached_property
    def _loaded(self) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        if not (self.path / "config.json").is_file():  # transformers would take the path for a hub id
            raise ConfigurationError(
                f"{self.path} has no config.json. Give the folder of a transformers classification model."
            )
        if not any(self.path.glob("*.safetensors")):
            raise ConfigurationError(
                f"{self.path} has no weights in a .safetensors file; others, such as pytorch_model.bin, may run code "
                "when they are read. If you trust the model, load it with transformers, save it with "
                "model.save_pretrained(folder), and give that folder."
            )
        import transformers

        safely: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            with models.without_progress_bar():
                model = getattr(transformers, self.auto_class).from_pretrained(
                    self.path, use_safetensors=True, **safely
                )
            tokenizer = transformers.AutoTokenizer.from_pretrained(self.path, **safely)
        except Exception as error:  # whatever transformers raises at a broken, foreign or remote-code model
            raise ConfigurationError(
                f"The model in {self.path} cannot be loaded ({error_text(error)}). textgym runs no code of a model's: "
                "give the whole folder of a model that transformers has itself, as save_pretrained writes it."
            ) from error
        # many are saved without it, which transformers takes for no limit
        tokenizer.model_max_length = min(tokenizer.model_max_length, context(model))
        return model.eval(), tokenizer

    def __getstate__(self) -> dict[str, Any]:
        # environments travel to other processes: they read the weights there again
        return {key: value for key, value in self.__dict__.items() if key != "_loaded"}


class TextClassification(Classification):
    """See `text_classification`."""

    auto_class = "AutoModelForSequenceClassification"

    def __init__(self, path: str | Path, label: str | None = None) -> None:
        super().__init__(path)
        self.label = label

    def __call__(self, prompts: Sequence[str] | None = None, completions: Sequence[str] = (), **_: Any) -> list[float]:
        """Score the completions; what is longer than the model's context is cut at its end."""
        column = label_index(dict(self._loaded[0].config.id2label or {}), self.label, self.path)
        scores: list[float] = []
        for logits, _batch in self._logits(texts(completions)):  # (B, labels)
            probabilities = logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(-1)
            scores += probabilities[:, column].tolist()
        return scores


class TokenClassification(Classification):
    """See `token_classification`."""

    auto_class = "AutoModelForTokenClassification"

    def __init__(self, path: str | Path, column: str = "reference") -> None:
        super().__init__(path)
        self.columns = (column,)

    def __call__(
        self,
        prompts: Sequence[str] | None = None,
        completions: Sequence[str] = (),
        completion_ids: Sequence[Sequence[int]] = (),
        **columns: Any,
    ) -> list[float | None]:
        """Score the completions; None where the row has no reference."""
        references = [value for value in columns.get(self.columns[0], ()) if value is not None]
        written = {text for value in references for text in acceptable(value)}.union(texts(completions))
        found = self.entities(sorted(written))

        def f1(completion: str, reference: str) -> float:
            return metrics.F1.of(found[completion], found[reference]).f1

        compare = partial(metrics.best, f1)
        return scores(compare, self.columns, self.__name__, completions=completions, **columns)

    def entities(self, texts: Sequence[str]) -> dict[str, Counter[tuple[str, str]]]:
        """The (type, words) of each text's entities.

        A word, as the tokenizer's pre-tokenizer sees words, has the label of its first token, as in BERT's fine-tuning
        on CoNLL-2003 (Devlin et al., 2019, section 5.3).
        """
        found: dict[str, Counter[tuple[str, str]]] = {}
        id2label = self._loaded[0].config.id2label or {}
        for logits, batch in self._logits(texts):  # (B, tokens, labels)
            for i, row in enumerate(logits.argmax(-1).tolist()):
                text = texts[len(found)]
                tagged = [
                    (id2label[label], *batch.word_to_chars(i, word))
                    for label, (before, word) in zip(row, pairwise([None, *batch.word_ids(i)]), strict=True)
                    if word is not None and word != before
                ]
                found[text] = Counter((kind, " ".join(text[a:b].split())) for kind, a, b in spans(tagged))
        return found


def spans(tagged: Iterable[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Entities of words tagged in BIO (Ramshaw and Marcus, 1995), read leniently as by seqeval.

    An entity begins at ``B-``, and at ``I-`` of another type than the word before. Tags without a prefix are as ``I-``.

    Args:
        tagged: Tag, start and end of each word of a text.

    Returns:
        Type, start and end of each entity.

    >>> spans([("B-PER", 0, 3), ("I-PER", 4, 12), ("O", 13, 15), ("I-LOC", 16, 22), ("B-LOC", 23, 30)])
    [('PER', 0, 12), ('LOC', 16, 22), ('LOC', 23, 30)]
    """
    entities: list[tuple[str, int, int]] = []
    before = "O"  # type of the word before
    for tag, start, end in tagged:
        kind = tag[2:] if tag[:2] in ("B-", "I-") else tag
        if kind != "O" and kind == before and not tag.startswith("B-"):
            entities[-1] = (kind, entities[-1][1], end)
        elif kind != "O":
            entities.append((kind, start, end))
        before = kind
    return entities


def context(model: PreTrainedModel) -> float:
    """The most tokens that a model has positions for; infinite if it says of none, or XLNet's -1.

    RoBERTa and its like count positions from the one after padding's.
    """
    positions = getattr(model.config, "max_position_embeddings", None)
    if positions is None or positions < 0:
        return math.inf
    tables = (module for name, module in model.named_modules() if name.endswith(".position_embeddings"))
    paddings = (getattr(table, "padding_idx", None) for table in tables)
    return positions - max((padding + 1 for padding in paddings if padding is not None), default=0)


def label_index(id2label: Mapping[Any, str], label: str | None, path: Path) -> int:
    """The column of the rewarded label.

    Raises:
        ConfigurationError: There is no such label, or none that is evidently positive.
    """
    found = [i for i, name in id2label.items() if name == label]
    if label is None:
        found = [i for i, name in id2label.items() if "pos" in name.lower()]
        if not found and len(id2label) <= 2:
            found = [len(id2label) - 1]
    if len(found) != 1:
        asked = f"no label {label!r}" if label is not None else "no label that is evidently the positive one"
        raise ConfigurationError(
            f"The model in {path} has {asked}; its labels: {', '.join(id2label.values())}. "
            "Choose one: textgym.rewards.text_classification(path, label=...)."
        )
    return found[0]
