"""Metrics of all completions together: what no mean over single texts can say.

Each takes the completions and the data set's columns, and returns its figures by name, all in [0, 1], or None
where there is nothing to say.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from textgym.metrics import translation
from textgym.metrics.answers import accuracy
from textgym.metrics.references import closest
from textgym.metrics.spans import F1, entity_f1, parse_entities, parse_triples, triple_f1
from textgym.metrics.words import folded

CorpusMetric = Callable[[Sequence[str], Mapping[str, Sequence[Any]]], Mapping[str, float | None]]
Items = Counter[tuple[str, ...]]
GRAMMAR = "grammar"  # the `source` of a sentence that was made; all others are people


def macro_f1(completions: Sequence[str], columns: Mapping[str, Sequence[Any]]) -> dict[str, float]:
    """Mean of every class's F1, classes being the references, as scikit-learn's with ``average="macro"``.

    Labels are compared as by `textgym.metrics.accuracy`. An answer that names no class is a wrong answer of none.

    >>> macro_f1(["sport", "sport", "arts"], {"reference": ["sport", "arts", "arts"]})
    {'macro_f1': 0.6666666666666666}
    """
    predicted = [folded(text) for text in completions]
    expected = [folded(text) for text in _closest(accuracy, completions, columns)]
    hits = Counter(a for a, b in zip(predicted, expected, strict=True) if a == b)
    n_predicted, n_expected = Counter(predicted), Counter(expected)
    scores = [2 * hits[name] / (n_predicted[name] + n_expected[name]) for name in n_expected]
    return {"macro_f1": sum(scores) / len(scores)}


def entities(completions: Sequence[str], columns: Mapping[str, Sequence[Any]]) -> dict[str, float]:
    """Precision, recall and F1 over all entities (micro), and F1 of each type, as seqeval's report."""
    references = _closest(entity_f1, completions, columns)
    pairs = [(parse_entities(a), parse_entities(b)) for a, b in zip(completions, references, strict=True)]
    by_type: dict[str, list[tuple[Items, Items]]] = defaultdict(list)
    for name in sorted({item[0] for _, expected in pairs for item in expected if len(item) == 2}):  # else no entity
        by_type[name] = [(_of_type(predicted, name), _of_type(expected, name)) for predicted, expected in pairs]
    scores = {f"entity_f1_{name}": _micro(of_type).f1 for name, of_type in by_type.items()}
    return {**_named("entity", _micro(pairs)), **scores}


def triples(completions: Sequence[str], columns: Mapping[str, Sequence[Any]]) -> dict[str, float]:
    """Precision, recall and F1 over all triples (micro)."""
    references = _closest(triple_f1, completions, columns)
    pairs = [(parse_triples(a), parse_triples(b)) for a, b in zip(completions, references, strict=True)]
    return _named("triple", _micro(pairs))


def corpus_bleu(completions: Sequence[str], columns: Mapping[str, Sequence[Any]]) -> dict[str, float | None]:
    """Sacrebleu's BLEU of the whole corpus, over 100.

    With a column `source` also that of the rows that no grammar made, ``corpus_bleu_human``, None without such rows:
    a grammar that is learnt would hide how people's sentences are translated.
    """
    references = columns["reference"]
    figures: dict[str, float | None] = {"corpus_bleu": translation.corpus_bleu(completions, references)}
    if "source" in columns:
        rows = zip(completions, references, columns["source"], strict=True)
        human = [(text, reference) for text, reference, source in rows if source != GRAMMAR]
        figures["corpus_bleu_human"] = translation.corpus_bleu(*zip(*human, strict=True)) if human else None
    return figures


def _closest(
    metric: Callable[[str, str], float], completions: Sequence[str], columns: Mapping[str, Sequence[Any]]
) -> list[str]:
    """Of each row's acceptable texts that which its completion is closest to."""
    return [closest(metric, a, b) for a, b in zip(completions, columns["reference"], strict=True)]


def _micro(pairs: Sequence[tuple[Items, Items]]) -> F1:
    """Precision and recall over all examples' items; an item counts in its own example only."""
    predicted = Counter({(i, *item): n for i, (items, _) in enumerate(pairs) for item, n in items.items()})
    expected = Counter({(i, *item): n for i, (_, items) in enumerate(pairs) for item, n in items.items()})
    return F1.of(predicted, expected)


def _of_type(items: Items, name: str) -> Items:
    return Counter({item: n for item, n in items.items() if item[0] == name})


def _named(prefix: str, score: F1) -> dict[str, float]:
    return {f"{prefix}_{name}": value for name, value in score._asdict().items()}


CORPUS: dict[str, CorpusMetric] = {
    "macro_f1": macro_f1,
    "entities": entities,
    "triples": triples,
    "corpus_bleu": corpus_bleu,
}
