"""Metrics of whole data sets: against scikit-learn, seqeval and sacrebleu, and by hand."""

import random

import pytest
import sacrebleu
from seqeval.metrics import classification_report
from sklearn.metrics import f1_score

from textgym import data, metrics

CLASSES = ["sport", "arts", "world"]


def corpus(name, completions, references):
    return metrics.CORPUS[name](completions, {"reference": references})


@pytest.mark.parametrize("seed", range(10))
def test_macro_f1_equals_scikit_learn(seed):
    """Over the classes of the references: an answer that names none is wrong, and no class of its own."""
    rng = random.Random(seed)
    predicted, expected = rng.choices([*CLASSES, "nonsense", ""], k=30), rng.choices(CLASSES, k=30)
    score = f1_score(expected, predicted, average="macro", labels=sorted(set(expected)), zero_division=0)
    assert corpus("macro_f1", [text.upper() for text in predicted], expected) == {"macro_f1": pytest.approx(score)}


def test_macro_f1_takes_the_acceptable_answer_that_was_given():
    # the first acceptable one would make a wrong answer of the second
    assert corpus("macro_f1", ["arts", "sport"], [["sport", "arts"], "sport"]) == {"macro_f1": 1.0}
    assert corpus("macro_f1", ["", ""], ["arts", "sport"]) == {"macro_f1": 0.0}


@pytest.mark.parametrize("seed", range(10))
def test_entities_equal_seqeval(seed):
    """Over all examples together, where the same words are no match for those of another example."""
    rng = random.Random(seed)
    expected, predicted = ([rng.choices(["PER", "LOC", "ORG", ""], k=5) for _ in range(6)] for _ in range(2))

    def tagged(sentences):
        return [[f"B-{kind}" if kind else "O" for kind in kinds] for kinds in sentences]

    def written(sentences):
        return ["; ".join(f"{kind}: word{i}" for i, kind in enumerate(kinds) if kind) or "none" for kinds in sentences]

    report = classification_report(tagged(expected), tagged(predicted), output_dict=True, zero_division=0)
    micro = report["micro avg"]
    assert corpus("entities", written(predicted), written(expected)) == pytest.approx(
        {
            "entity_precision": micro["precision"],
            "entity_recall": micro["recall"],
            "entity_f1": micro["f1-score"],
            **{f"entity_f1_{kind}": report[kind]["f1-score"] for kind in ("LOC", "ORG", "PER")},
        }
    )


def test_entities_of_unknown_types_and_of_none():
    found = corpus("entities", ["GPE: Paris; PER: Ada", "nonsense"], ["PER: Ada", "PER: Bob"])
    third = pytest.approx(1 / 3)  # an unknown type and an item of no form are wrong, and get no figure of their own
    assert found == {
        "entity_precision": third,
        "entity_recall": 0.5,
        "entity_f1": pytest.approx(0.4),
        "entity_f1_PER": pytest.approx(2 / 3),
    }
    nothing = {"entity_precision": 1.0, "entity_recall": 1.0, "entity_f1": 1.0}
    assert corpus("entities", ["none", ""], ["none", "none"]) == nothing
    assert corpus("entities", ["no form"], ["no form"]) == nothing  # nor has a reference of no form a type


def test_triples_by_hand():
    completions = ["A | knows | B; B | knows | C", "none", "A | knows | B"]
    references = ["A | knows | B", "A | knows | B", ["X | y | z", "A | knows | B; B | knows | C"]]
    # 2 of 3 are right, and 2 of 1 + 1 + 2 were found
    assert corpus("triples", completions, references) == {
        "triple_precision": pytest.approx(2 / 3),
        "triple_recall": 0.5,
        "triple_f1": pytest.approx(4 / 7),
    }
    assert corpus("triples", [""], ["A | knows | B"])["triple_f1"] == 0.0
    assert corpus("triples", [""], ["none"])["triple_f1"] == 1.0


SENTENCES = [
    "the cat sat on the mat today",
    "a dog ran home in the rain",
    "it is raining, and the cat is out",
    "no",
]


@pytest.mark.parametrize("seed", range(10))
def test_bleu_equals_sacrebleu_with_any_number_of_references(seed):
    rng = random.Random(seed)

    def noisy(text):
        return " ".join(word for word in text.split() if rng.random() < 0.8)

    completions = [noisy(text) for text in SENTENCES]
    references = [[text, *(noisy(text) for _ in range(rng.randint(0, 2)))] for text in SENTENCES]
    longest = max(map(len, references))
    streams = [[texts[i] if i < len(texts) else None for texts in references] for i in range(longest)]
    expected = sacrebleu.corpus_bleu(completions, streams).score / 100
    assert corpus("corpus_bleu", completions, references) == {"corpus_bleu": pytest.approx(expected)}


def test_bleu_of_peoples_sentences_is_reported_apart_from_a_grammars():
    completions = [text.replace("cat", "dog") for text in SENTENCES]
    columns = {"reference": SENTENCES, "source": ["grammar", "django", "grammar", "cms"]}
    human = sacrebleu.corpus_bleu(completions[1::2], [SENTENCES[1::2]]).score / 100
    whole = corpus("corpus_bleu", completions, SENTENCES)["corpus_bleu"]
    found = metrics.CORPUS["corpus_bleu"](completions, columns)
    assert found == {"corpus_bleu": whole, "corpus_bleu_human": pytest.approx(human)} and whole < human
    made = metrics.CORPUS["corpus_bleu"](completions, columns | {"source": ["grammar"] * 4})
    assert made == {"corpus_bleu": whole, "corpus_bleu_human": None}


def test_bleu_of_the_embedded_translations_that_people_wrote():
    # an agent that knows the grammar alone; a source of another name would count as people
    columns = data.load("translation", "test").columns
    rows = zip(columns["reference"], columns["source"], strict=True)
    found = metrics.CORPUS["corpus_bleu"]([text if source == "grammar" else "" for text, source in rows], columns)
    assert found["corpus_bleu"] > 0.7 and found["corpus_bleu_human"] == 0.0


@pytest.mark.parametrize(
    ("completions", "references"),
    [
        (["the cat"], ["the cat"]),  # no 4-gram: the effective order of single sentences would give 1
        (["the cat", "a dog ran"], ["the cat", "a dog sat"]),
        (["", "the cat sat on the mat"], ["a dog", "the cat sat on the mat"]),
        (["", ""], ["a dog", "a cat"]),
        ([""], [""]),
    ],
)
def test_bleu_of_short_and_empty_corpora_equals_sacrebleu(completions, references):
    expected = sacrebleu.corpus_bleu(completions, [references]).score / 100
    assert metrics.corpus_bleu(completions, references) == pytest.approx(expected)
