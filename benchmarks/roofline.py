"""How fast training could be at most: the time of a model's matrix products alone, at the shapes that occur.

What a model does besides (attention's scores, norms, sampling, the environment) is left out, and every product writes
into memory that is there already, so that no implementation with the same library of products is faster. A share of
this limit can be compared between machines, which tokens per second cannot (Williams et al., 2009, "Roofline: An
Insightful Visual Performance Model for Multicore Architectures").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from textgym.models import CausalLM

Run = Callable[[], None]


@dataclass(frozen=True)
class Pass:
    """Forward passes of one shape.

    Attributes:
        tokens: What the trunk reads in one.
        rated: At how many of them the head rates the vocabulary.
        times: How many passes there are.
        backward: Whether the gradients of inputs and weights are computed, too.
        dtype: Of the products.
    """

    tokens: int
    rated: int
    times: int = 1
    backward: bool = False
    dtype: torch.dtype = torch.float32

    def flops(self, lm: CausalLM) -> int:
        """Multiplications and additions of all of them.

        >>> Pass(tokens=10, rated=2).flops(CausalLM.load("textgym-letters")) == 2 * (10 * 12 * 32**2 + 2 * 8 * 32)
        True
        """
        trunk = sum(inputs * outputs for inputs, outputs in trunk_shapes(lm))
        products = self.tokens * trunk + self.rated * lm.head.weight.numel()
        return 2 * (3 if self.backward else 1) * self.times * products

    def prepared(self, lm: CausalLM) -> Run:
        """A function that computes the products of all of them, every layer's with weights of its own."""
        outputs, inputs = lm.head.weight.shape
        shapes = [(self.tokens, *shape) for shape in trunk_shapes(lm)] + [(self.rated, inputs, outputs)]
        products = [product(*shape, self) for shape in shapes if shape[0]]

        def run() -> None:
            for _ in range(self.times):
                for multiply in products:
                    multiply()

        return run


def trunk_shapes(lm: CausalLM) -> list[tuple[int, int]]:
    """Inputs and outputs of every matrix of the trunk that is multiplied with: all but tables of embeddings."""
    found = []
    for module in lm.trunk.modules():
        weight: Any = getattr(module, "weight", None)
        if isinstance(weight, torch.Tensor) and weight.dim() == 2 and not isinstance(module, nn.Embedding):
            inputs, outputs = weight.shape if type(module).__name__ == "Conv1D" else weight.shape[::-1]
            found.append((inputs, outputs))
    return found


def product(rows: int, inputs: int, outputs: int, of: Pass) -> Run:
    """A function that multiplies (rows, inputs) with (inputs, outputs), and for gradients the two products of those."""
    x, weight, y = (torch.randn(shape).to(of.dtype) for shape in ((rows, inputs), (inputs, outputs), (rows, outputs)))
    dx, dweight, out = (torch.empty_like(like) for like in (x, weight, y))

    def multiply() -> None:
        torch.mm(x, weight, out=out)
        if of.backward:
            torch.mm(y, weight.t(), out=dx)
            torch.mm(x.t(), y, out=dweight)

    return multiply


def together(passes: Sequence[Pass], lm: CausalLM) -> Run:
    """A function that computes the products of several passes, one after another."""
    runs = [each.prepared(lm) for each in passes]

    def run() -> None:
        with torch.inference_mode():
            for each in runs:
                each()

    return run
