"""Watches a training for signs that its reward is being hacked."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from textgym.evaluation.hacking import LEAST, LEVEL, Comparison, Sample, compare

logger = logging.getLogger(__name__)


class HackingMonitor:
    """Compares what is written with what was written first, window by window (`textgym.evaluation.hacking`).

    A window is the first episodes that begin in it, equally many of every environment. Counted as they end, short ones
    would come first, and the start would look like another policy.

    All windows of a training together raise a false alarm with a chance of at most the level: that of the k-th
    comparison is ``level / (k (k + 1))``.

    Args:
        episodes: Of a window, at least; it also waits for `LEAST` different prompts.
    """

    def __init__(self, episodes: int) -> None:
        self.episodes = episodes
        self.start: Sample | None = None
        self.last: Comparison | None = None
        self._comparisons = 0
        self._step = self._begin = 0  # now, and of the window
        self._ended: list[list[dict[str, Any]]] = []  # of the window, by environment

    def add(self, infos: Sequence[Mapping[str, Any]]) -> None:
        """Take note of a step of every environment."""
        self._step += 1
        self._ended = self._ended or [[] for _ in infos]
        for ended, info in zip(self._ended, infos, strict=True):
            if "finish_reason" in info and self._step - _tokens(info) >= self._begin:
                ended.append(record(info))

    def look(self) -> None:
        """Compare the window with the start, if it is whole; warn of every figure that was right before."""
        window = self._window()
        if window is None:
            return
        self._ended, self._begin = [], self._step
        if self.start is None:
            self.start = Sample(window)
            return
        self._comparisons += 1
        level = LEVEL / (self._comparisons * (self._comparisons + 1))
        known = {} if self.last is None else self.last.hacked
        self.last = compare(self.start, Sample(window), level)
        if self.last.hacked.keys() - known.keys():
            logger.warning("Since training began %s. Look at the texts: the reward may be hacked.", self.last)

    def _window(self) -> list[dict[str, Any]] | None:
        window, prompts = list[dict[str, Any]](), set[str]()
        for row in zip(*self._ended, strict=False):  # the next episode of every environment
            window += row
            prompts.update(own["prompt"] for own in row)
            if len(window) >= self.episodes and len(prompts) >= LEAST:
                return window
        if len(window) >= self.episodes * LEAST:  # a task of so few prompts: begin anew, rather than keep all episodes
            self._ended, self._begin = [], self._step
        return None


def record(info: Mapping[str, Any]) -> dict[str, Any]:
    """An episode as evaluation records it, of its last info.

    ``gold`` is the score of the reward function of this name, which counts for nothing with a weight of 0.
    """
    return {
        "prompt": info["prompt"],
        "completion": info["completion"],
        "reference": info.get("reference"),
        "return": info["episode"]["r"] if "episode" in info else sum(info["rewards"].values()),
        "gold": info["rewards"].get("gold"),
    }


def _tokens(info: Mapping[str, Any]) -> int:
    return int(info["completion_length"]) + (info["finish_reason"] == "eos")
