from __future__ import annotations

import pytest

from textgym.errors import ConfigurationError
from textgym.sb3 import KLControl


def test_a_fixed_beta_stays() -> None:
    control = KLControl(0.1)
    control.update(1e6)
    assert control.beta == 0.1


@pytest.mark.parametrize(("kl", "factor"), [(6.0, 1.0), (6.6, 1.01), (1e9, 1.02), (-1e9, 0.98), (5.4, 0.99)])
def test_ziegler_controller(kl: float, factor: float) -> None:
    control = KLControl(0.2, target=6.0)
    control.update(kl)
    assert control.beta == pytest.approx(0.2 * factor)


@pytest.mark.parametrize("arguments", [(-0.1, None), (float("nan"), None), (0.1, 0.0), (0.0, 6.0)])
def test_refuses_nonsense(arguments: tuple[float, float | None]) -> None:
    with pytest.raises(ConfigurationError, match="KLControl"):
        KLControl(*arguments)


def test_a_dict_stands_for_the_control_and_remembers_its_beta():
    # the buffer is not saved, its arguments are: a beta that the dict forgot would begin anew after loading
    given = {"beta": 0.1, "target": 10.0}
    control, plain = KLControl.of(given), KLControl(0.1, 10.0)
    for kl in (30.0, 30.0, 2.0):
        control.update(kl), plain.update(kl)
    assert control.beta == plain.beta == given["beta"] != 0.1
    assert KLControl.of(given).beta == plain.beta
    assert KLControl.of(plain) is plain


@pytest.mark.parametrize("kl", [0.05, {}, {"bta": 0.05}, {"beta": 0.1, "goal": 3}, "beta", [0.1]])
def test_what_is_no_control_is_refused(kl):
    with pytest.raises(
        ConfigurationError, match=r"is not a KLControl: give kl=KLControl\(beta=0.05\), or its arguments in a dict"
    ):
        KLControl.of(kl)
