"""The metrics as evaluate's classes."""

import socket

from textgym import metrics
from textgym.metrics.evaluate_metrics import DistinctN, Repetition


def test_they_agree_with_the_functions_and_need_no_network(monkeypatch):
    def refuse(*args):
        raise AssertionError(f"a connection to {args[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    texts = ["a b a b", "good good good"]
    assert DistinctN().compute(predictions=texts, n=1) == {"distinct_1": metrics.distinct_n(texts, 1)}
    assert DistinctN().compute(predictions=texts) == {"distinct_2": metrics.distinct_n(texts, 2)}
    assert Repetition().compute(predictions=texts) == {"repetition_2": sum(metrics.repetition(texts)) / 2}
