"""The limit has all matrix products of the model and nothing else."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import throughput
from benchmarks.roofline import Pass, together
from textgym.models import CausalLM


def flops_of(call):
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


def test_the_products_are_those_of_the_model():
    """Counted by torch, which leaves out what attention multiplies within itself, of the model with its gradients."""
    lm = CausalLM.load("textgym-tiny")
    lm.model.requires_grad_(True)
    ids = torch.arange(40).reshape(2, 20)

    def read():
        lm.head(lm.trunk(input_ids=ids, use_cache=False).last_hidden_state[:, 16:]).sum().backward()

    own = Pass(tokens=40, rated=8, backward=True)
    assert own.flops(lm) == flops_of(together([own], lm)) == flops_of(read)


def test_passes_are_repeated_and_forward_is_a_third():
    lm = CausalLM.load("textgym-letters")
    once, thrice = Pass(6, 3), Pass(6, 3, times=3, backward=True)
    assert thrice.flops(lm) == 9 * once.flops(lm) == flops_of(together([thrice], lm))


def test_an_iterations_limit_has_all_its_parts():
    """Of 8 rows: prompts and steps, the reference, and each epoch of updates thrice."""
    parts = {part: flops_of(throughput.limit(8, [part])) for part in ("rollout", "reference", "update")}
    assert flops_of(throughput.limit(8, [*parts])) == sum(parts.values())
    assert parts["rollout"] == parts["reference"]  # the same tokens are read and rated
    assert parts["update"] == 3 * throughput.EPOCHS * parts["reference"]
    assert flops_of(throughput.limit(8, ["update"], epochs=1)) == parts["update"] / throughput.EPOCHS
