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
