"""Train the proxy judge: ``python -m recipes.judges.train_proxy`` (about a minute; needs scikit-learn).

Trains on the rows of Rotten Tomatoes and UCI that belong to the proxy, chooses the regularisation
and the weight of the UCI rows on the validation splits, checks that the file it wrote scores as
scikit-learn does. ``python -m recipes.judges.judge_card`` then measures it on the test splits.
"""

from __future__ import annotations

import logging
from itertools import product
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from recipes.corpora import Review, rotten_tomatoes, uci_sentences
from recipes.judges import judge_card
from textgym.rewards.judges.sentiment import WEIGHTS, WORD, TfidfClassifier

logger = logging.getLogger(__name__)

INVERSE_REGULARISATION = (2.0, 4.0, 8.0, 16.0)
UCI_WEIGHT = (1.0, 2.0, 4.0)  # there are several times as many of Rotten Tomatoes


def is_uci(rows: list[Review]) -> np.ndarray:
    """Which rows are UCI's: booleans of shape ``(n,)``."""
    return np.array([row.source.startswith("uci") for row in rows])


def fit(rows: list[Review], vectorizer: TfidfVectorizer, c: float, uci_weight: float) -> LogisticRegression:
    """Logistic regression on TF-IDF; the classes weigh the same, so that a text that says nothing scores about 0.5."""
    model = LogisticRegression(C=c, class_weight="balanced", solver="liblinear", random_state=0)
    weights = np.where(is_uci(rows), uci_weight, 1.0)
    return model.fit(vectorizer.transform(row.text for row in rows), [row.label for row in rows], sample_weight=weights)


def choose(
    train: list[Review], validation: list[Review], vectorizer: TfidfVectorizer
) -> tuple[LogisticRegression, list[dict[str, Any]]]:
    """The model of the best validation AUC (mean of Rotten Tomatoes and UCI), and the figures of all trials."""
    features = vectorizer.transform(row.text for row in validation)
    labels = np.array([row.label for row in validation])
    uci, trials = is_uci(validation), []
    for c, uci_weight in product(INVERSE_REGULARISATION, UCI_WEIGHT):
        model = fit(train, vectorizer, c, uci_weight)
        scores = model.predict_proba(features)[:, 1]
        figures = {"rt": judge_card.auc(labels[~uci], scores[~uci]), "uci": judge_card.auc(labels[uci], scores[uci])}
        trials.append({"C": c, "uci_weight": uci_weight, **figures, "model": model})
        logger.info("C %g, UCI weight %g: validation AUC RT %.3f, UCI %.3f", c, uci_weight, *figures.values())
    best = max(trials, key=lambda trial: trial["rt"] + trial["uci"])
    return best["model"], [{key: value for key, value in trial.items() if key != "model"} for trial in trials]


def save(vectorizer: TfidfVectorizer, model: LogisticRegression) -> None:
    """Write what `TfidfClassifier` reads."""
    names = vectorizer.get_feature_names_out()
    np.savez_compressed(
        WEIGHTS,
        vocabulary=np.frombuffer("\n".join(names).encode("utf-8"), dtype=np.uint8),
        idf=vectorizer.idf_.astype(np.float32),
        weight=model.coef_[0].astype(np.float32),
        intercept=np.float64(model.intercept_[0]),
    )


def main() -> None:
    """Train, write, check, measure."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    rows = rotten_tomatoes() + uci_sentences()
    train = [row for row in rows if row.split == "train" and row.judge == "proxy"]
    validation = [row for row in rows if row.split == "validation"]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, token_pattern=WORD.pattern)
    vectorizer.fit(row.text for row in train)
    model, trials = choose(train, validation, vectorizer)
    save(vectorizer, model)
    texts = [row.text for row in validation]
    ours = np.array([TfidfClassifier().probability(text) for text in texts])
    np.testing.assert_allclose(ours, model.predict_proba(vectorizer.transform(texts))[:, 1], rtol=1e-5)
    judge_card.record("sentiment", trials=trials, rows=len(train), features=len(vectorizer.vocabulary_))


if __name__ == "__main__":
    main()
