"""The metrics as evaluate's classes."""

import inspect
import socket
from statistics import fmean

import evaluate
import pytest
import sacrebleu
from sklearn.metrics import f1_score

from textgym import metrics
from textgym.errors import DatasetError, UnknownNameError
from textgym.metrics import evaluate_metrics
from textgym.metrics.evaluate_metrics import CorpusMetric, ReferenceMetric, TextMetric

CLASSES = {
    cls().name: cls
    for _, cls in inspect.getmembers(evaluate_metrics, inspect.isclass)
    if issubclass(cls, TextMetric) and hasattr(cls, "function")
}
MEANS = {name: cls for name, cls in CLASSES.items() if issubclass(cls, ReferenceMetric) and name not in metrics.CORPUS}
OF_TEXTS = [name for name, cls in MEANS.items() if cls.inputs[0]["references"] == evaluate_metrics.TEXT]
OF_LISTS = [name for name, cls in MEANS.items() if cls.inputs[-1]["references"] == evaluate_metrics.TEXTS]

TEXTS = ["The cat sat on the mat.", "PER: Ada; LOC: Paris", "Ada | born in | London", "Heat; Alien", "", "a film"]
REFERENCES = ["A cat sat on a mat", "PER: Ada; LOC: London", "Ada | born in | Paris", "Alien; Heat", "", "the film"]


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def refuse(*args):
        raise AssertionError(f"a connection to {args[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def load(name):
    return evaluate.load(str(metrics.module_path(name)))


def is_metric(function):
    """Whether it scores texts, and is no tool for that."""
    if not inspect.isfunction(function):
        return False
    signature = inspect.signature(function)
    return next(iter(signature.parameters)) in ("completion", "completions", "texts") and "float" in str(
        signature.return_annotation
    )


def test_every_metric_has_a_class_and_a_script():
    folder = metrics.module_path("bleu").parent
    assert {path.stem for path in folder.glob("[!_]*.py")} == set(CLASSES)
    assert set(CLASSES) == set(metrics.CORPUS) | {name for name in metrics.__all__ if is_metric(getattr(metrics, name))}
    with pytest.raises(UnknownNameError, match=r"metric 'bleurt'\. Did you mean 'bleu'"):
        metrics.module_path("bleurt")


@pytest.mark.parametrize("name", CLASSES)
def test_scripts_load(name):
    # evaluate takes the first class that it finds in a script, which must not be a base class
    module = load(name)
    assert type(module) is CLASSES[name] and module.name == name
    assert module.description.startswith(inspect.getdoc(CLASSES[name].function).splitlines()[0])


@pytest.mark.parametrize("name", OF_TEXTS)
def test_means_of_the_functions(name):
    function = getattr(metrics, name)
    expected = fmean(map(function, TEXTS, REFERENCES))
    assert expected > 0
    assert load(name).compute(predictions=TEXTS, references=REFERENCES) == {name: pytest.approx(expected)}


@pytest.mark.parametrize("name", OF_LISTS)
def test_lists_of_references(name):
    # the second of each list is what was said: scores differ from those of the first alone
    lists = [[reference, text] for text, reference in zip(TEXTS, REFERENCES, strict=True)]
    function = getattr(metrics, name)
    expected = fmean(map(function, TEXTS, lists))
    assert expected != fmean(function(text, texts[:1]) for text, texts in zip(TEXTS, lists, strict=True))
    assert load(name).compute(predictions=TEXTS, references=lists) == {name: pytest.approx(expected)}


@pytest.mark.parametrize(
    ("name", "option"), [("rouge_n", {"n": 2}), ("copy_rate", {"n": 1}), ("ndcg", {"k": 1}), ("recall", {"k": 1})]
)
def test_options_of_the_functions(name, option):
    values = [getattr(metrics, name)(*pair, **option) for pair in zip(TEXTS, REFERENCES, strict=True)]
    result = load(name).compute(predictions=TEXTS, references=REFERENCES, **option)
    assert (
        result == {name: pytest.approx(fmean(values))} != load(name).compute(predictions=TEXTS, references=REFERENCES)
    )


@pytest.mark.parametrize("n", [1, 2])
def test_metrics_of_predictions_alone(n):
    texts = ["a b a b", "good good good"]
    assert load("distinct_n").compute(predictions=texts, n=n) == {"distinct_n": metrics.distinct_n(texts, n)}
    assert load("repetition").compute(predictions=texts, n=n) == {"repetition": fmean(metrics.repetition(texts, n))}


@pytest.mark.parametrize("name", metrics.CORPUS)
def test_metrics_of_corpora(name):
    assert issubclass(CLASSES[name], CorpusMetric)
    result = load(name).compute(predictions=TEXTS, references=REFERENCES)
    assert result == metrics.CORPUS[name](TEXTS, {"reference": REFERENCES}) and len(result) >= 1


def test_lists_against_the_reference_implementations():
    texts, others = TEXTS[:1] * 2, [["A cat sat on a mat", "The dog sat on the mat"], ["It sat", "The cat sat there"]]
    result = load("corpus_bleu").compute(predictions=texts, references=others)
    expected = sacrebleu.corpus_bleu(texts, list(zip(*others, strict=True))).score / 100
    assert result == {"corpus_bleu": pytest.approx(expected)}
    predicted, expected = ["arts", "sport", "sport", "trade"], ["arts", "sport", "trade", "trade"]
    result = load("macro_f1").compute(predictions=predicted, references=[[name] for name in expected])
    assert result == {"macro_f1": pytest.approx(f1_score(expected, predicted, average="macro"))}


def test_in_batches_and_combined():
    # evaluate keeps what is added in a file until compute
    module = load("token_f1")
    for prediction, reference in zip(TEXTS, REFERENCES, strict=True):
        module.add(prediction=prediction, reference=reference)
    assert module.compute() == load("token_f1").compute(predictions=TEXTS, references=REFERENCES)
    both = evaluate.combine([str(metrics.module_path(name)) for name in ("exact_match", "distinct_n")])
    assert set(both.compute(predictions=TEXTS, references=REFERENCES)) == {"exact_match", "distinct_n"}


def test_references_of_the_wrong_kind():
    with pytest.raises(ValueError, match="don't match the expected format"):
        load("copy_rate").compute(predictions=["Ada"], references=[["Ada"]])


@pytest.mark.parametrize("references", [["x", ["c"]], [["c"], "x"], ["x", None]])
def test_references_of_two_kinds(references):
    # evaluate would compare with the text "['c']"
    with pytest.raises(DatasetError, match="Some references are texts and some are not"):
        load("exact_match").compute(predictions=["x", "c"], references=references)
