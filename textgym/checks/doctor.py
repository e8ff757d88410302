"""Is a trainer of language models right? Checks of what it samples, scores, pays and trains, each with its figure.

    from textgym.checks import doctor

    doctor.examine(model)  # of Stable-Baselines3, before it has learned anything
    doctor.examine((sample, log_prob))  # of a trainer of your own

Nothing is trained: updates are made with a learning rate of 0, and gradients are looked at. A check that needs what was
not given says so, and is not passed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from textgym.checks import exact
from textgym.checks.patients import EpisodeAlgorithm, Look, Patient, patient
from textgym.errors import ConfigurationError

DEFAULT_ID = "TextGen-Solvable-v0"
DRAWS = 4000
COIN_TOKENS = 4000  # that an agent is trained on by coin
QUANTILE = 3.7  # standard deviations: one right sampler in 10,000 is further from its probabilities


class DoesNotApply(Exception):  # noqa: N818 - an answer, not an error
    """Why a check says nothing of what was given."""


class Figure(NamedTuple):
    """What was measured.

    Attributes:
        value: The number that the threshold is for.
        note: What else is to be known of it.
    """

    value: float
    note: str = ""


@dataclass(frozen=True)
class Check:
    """One check of one patient.

    Attributes:
        name: What must hold.
        passed: Whether it does; None if the check does not apply.
        figure: What was measured, NaN if nothing was.
        threshold: The most that it may be.
        remedy: What is wrong, probably, and where to look; or why the check does not apply.
        note: What else is to be known of the figure.
    """

    name: str
    passed: bool | None
    figure: float
    threshold: float
    remedy: str
    note: str = ""


def examine(what: Any, env_id: str = DEFAULT_ID) -> list[Check]:
    """All checks.

    Args:
        what: A PPO, A2C, REINFORCE, RLOO or GRPO that has learned nothing yet, and is left as it was; a policy class,
            which is put into PPO; an agent's ``make_agent``; or two functions, over token ids:

            - ``sample(prompts, max_new_tokens)`` gives completions, an EOS that ended one included, and for each the
              log-probabilities of its tokens, as the rollout stores them;
            - ``log_prob(prompts, completions)`` gives the log-probabilities again, as training computes them.
        env_id: Whose prompts and vocabulary the functions know; an agent's or a policy's environment.

    Raises:
        ConfigurationError: Nothing of it can be examined.
    """
    found = patient(what, env_id)
    checks = [_check(found, *row) for row in CHECKS]
    if all(check.passed is None for check in checks):
        raise ConfigurationError(
            f"No check applies to {type(what).__name__}. Give a PPO, A2C, REINFORCE, RLOO or GRPO whose policy has no "
            "masks and no memory, or two functions (sample, log_prob)."
        )
    return checks


def _check(found: Patient, name: str, measure: Callable[[Patient], Figure], threshold: float, remedy: str) -> Check:
    try:
        figure = measure(found)
    except DoesNotApply as reason:
        return Check(name, None, float("nan"), threshold, str(reason))
    value = float(figure.value)
    return Check(name, value <= threshold, value, threshold, remedy, figure.note)  # NaN is not passed


# ------------------------------------------------------------------ what is sampled and scored


def _asked(found: Patient) -> tuple[Any, Any]:
    if found.sample is None or found.log_prob is None:
        raise DoesNotApply("Needs sample and log_prob; this one cannot be asked for tokens without masks or memory.")
    return found.sample, found.log_prob


def _written(found: Patient) -> tuple[list[Any], list[list[int]], list[Any]]:
    sample, _ = _asked(found)
    prompts = [found.prompts[i % len(found.prompts)] for i in range(16)]
    return prompts, *sample(prompts, 5)


def _flat(log_probs: Any) -> torch.Tensor:
    return torch.cat([torch.as_tensor(each).detach().double().flatten().cpu() for each in log_probs])


def _difference(one: torch.Tensor, other: torch.Tensor) -> float:
    """The greatest; infinite if there are not as many."""
    return float((one - other).abs().max()) if one.shape == other.shape else float("inf")


def ratio_is_one(found: Patient) -> Figure:
    """The greatest distance of the first minibatch's ratios from 1."""
    if found.model is not None:
        return Figure(float((_looks(found).ratio - 1).abs().max()))
    prompts, completions, log_probs = _written(found)
    now, then = _flat(_asked(found)[1](prompts, completions)), _flat(log_probs)
    return Figure(_difference((now - then).exp(), torch.ones_like(then)))


def dropout_is_off(found: Patient) -> Figure:
    """The greatest difference between log-probabilities that are computed twice."""
    _, log_prob = _asked(found)
    prompts, completions, _ = _written(found)
    return Figure(_difference(*(_flat(log_prob(prompts, completions)) for _ in range(2))))


def cache_changes_nothing(found: Patient) -> Figure:
    """The greatest difference between log-probabilities of decoding and those of reading every text anew."""
    prompts, completions, log_probs = _written(found)
    return Figure(_difference(_flat(log_probs), _flat(_asked(found)[1](prompts, completions))))


def batch_changes_nothing(found: Patient) -> Figure:
    """The greatest difference between log-probabilities in one padded batch, and of each text by itself."""
    _, log_prob = _asked(found)
    prompts, completions, _ = _written(found)
    alone = [log_prob([prompt], [text])[0] for prompt, text in zip(prompts, completions, strict=True)]
    return Figure(_difference(_flat(alone), _flat(log_prob(prompts, completions))))


def every_token_is_scored(found: Patient) -> Figure:
    """Tokens written, their EOS among them, less log-probabilities given."""
    prompts, completions, _ = _written(found)
    given = _asked(found)[1](prompts, completions)
    return Figure(float(sum(abs(len(a) - len(b)) for a, b in zip(given, completions, strict=True))))


@torch.no_grad()
def samples_fit(found: Patient) -> Figure:
    """How far first tokens are from their probabilities, in standard deviations of a chi-square (Wilson, Hilferty)."""
    sample, log_prob = _asked(found)
    prompt = found.prompts[0]
    vocabulary = range(found.vocab_size)
    stated = _flat(log_prob([prompt] * found.vocab_size, [[token] for token in vocabulary])).exp()  # (V,)
    completions, _ = sample([prompt] * DRAWS, 1)
    counts = np.bincount([text[0] for text in completions], minlength=found.vocab_size)
    sharper = stated ** (1 / 0.8)
    cells = _cells(stated.numpy())
    expected, observed, colder = (
        np.array([array[cell].sum() for cell in cells])
        for array in (DRAWS * stated.numpy(), counts, DRAWS * (sharper / sharper.sum()).numpy())
    )
    if len(cells) < 2:
        raise DoesNotApply("One token has nearly all the probability, so that samples tell nothing.")
    if (mass := float(stated.sum())) < 0.99 or mass > 1.01:
        return Figure(float("inf"), f"the stated probabilities add up to {mass:.3f}")
    degrees = len(cells) - 1
    chi_square = ((observed - expected) ** 2 / expected).sum()
    power = _power(degrees, ((colder - expected) ** 2 / expected).sum())
    return Figure(_deviations(chi_square, degrees), f"n {DRAWS:,}; finds temperature 0.8 with probability {power:.2f}")


def _cells(stated: np.ndarray) -> list[np.ndarray]:
    """The tokens of each cell of a chi-square: one by itself if it is expected five times, the others together."""
    often = DRAWS * stated >= 5
    cells = [np.array([token]) for token in np.flatnonzero(often)]
    rare = np.flatnonzero(~often)
    return [*cells, rare] if DRAWS * stated[rare].sum() >= 5 else cells


def _deviations(chi_square: float, degrees: int) -> float:
    """Standard deviations that a chi-square is above its mean (E. Wilson and M. Hilferty, 1931)."""
    spread = 2 / (9 * degrees)
    return float(((chi_square / degrees) ** (1 / 3) - (1 - spread)) / spread**0.5)


def _power(degrees: int, distance: float) -> float:
    """The probability that a sampler is found out whose chi-square has this noncentrality: a mixture by Poisson."""
    spread = 2 / (9 * degrees)
    critical = degrees * (QUANTILE * spread**0.5 + 1 - spread) ** 3
    j = torch.arange(int(distance + 20 * distance**0.5 + 50), dtype=torch.float64)
    mixture = (j * np.log(max(distance / 2, 1e-12)) - distance / 2 - torch.lgamma(j + 1)).exp()
    tails = torch.special.gammaincc(degrees / 2 + j, torch.full_like(j, critical / 2))
    return float((mixture * tails).sum())


# ------------------------------------------------------------------ what an update does


def _looks(found: Patient, *, moved: bool = False) -> Look:
    if found.model is None:
        raise DoesNotApply("Needs a model of SB3 whose update is known: PPO, A2C, REINFORCE, RLOO or GRPO.")
    return found.second_look if moved else found.first_look


def _priced(look: Look) -> float:
    if look.beta is None:
        raise DoesNotApply("Needs a price of divergence: give the model kl=KLControl(beta).")
    return look.beta


def _on_policy(look: Look) -> None:
    if isinstance(look.model, EpisodeAlgorithm):
        raise DoesNotApply("Of algorithms whose rewards come token by token; here a completion has one return.")


def learning_rate_zero_changes_nothing(found: Patient) -> Figure:
    """The greatest change of any weight in an update whose learning rate is 0."""
    return Figure(_looks(found).change)


def kl_is_zero_at_first(found: Patient) -> Figure:
    """The greatest difference of the policy's and the reference's log-probabilities before anything was learned."""
    look = _looks(found)
    _priced(look)
    columns = look.rollout.columns
    return Figure(float(np.abs(columns["log_prob"] - columns["reference"]).max()))


def score_is_on_the_last_token(found: Patient) -> Figure:
    """The greatest difference of a token's reward from what it must be: the score for the last, 0 for all others."""
    look = _looks(found, moved=True)
    _on_policy(look)
    if found.model.env.get_attr("config")[0].shaping:
        raise DoesNotApply("Of rewards that come at the end; with shaping=True every token earns its share.")
    paid = look.rollout.columns["score"]
    wrong = [np.abs(paid[own] - np.eye(len(own))[-1] * paid_score(look, own)).max() for own in look.rollout.each()]
    return Figure(float(max(wrong)))


def paid_score(look: Look, own: np.ndarray) -> float:
    """The score of the completion that some tokens are of."""
    return float(look.rollout.scores[look.rollout.completion[own[0]]])


def divergence_is_priced(found: Patient) -> Figure:
    """The greatest difference of a token's reward from its score less beta times its log-ratio to the first policy."""
    look = _looks(found, moved=True)
    beta = _priced(look)
    _on_policy(look)
    if getattr(found.model.rollout_buffer, "whiten_rewards", False):
        raise DoesNotApply("Of rewards that are not whitened.")
    columns = look.rollout.columns
    expected = columns["score"] - beta * (columns["log_prob"] - columns["reference"])
    return Figure(float(np.abs(columns["reward"] - expected).max()))


def reference_stands_still(found: Patient) -> Figure:
    """The greatest difference of the reference from the first policy, after the policy has moved."""
    look = _looks(found, moved=True)
    _priced(look)
    if kl_is_zero_at_first(found).value > KL_AT_FIRST:
        raise DoesNotApply("The reference is not the model that training begins with.")
    columns = look.rollout.columns
    return Figure(float(np.abs(columns["start"] - columns["reference"]).max()))


def advantages_are_undiscounted(found: Patient) -> Figure:
    """The greatest difference of advantages and returns from those that are computed anew, with gamma 1.

    Without a critic, where no divergence is priced yet, the tokens of a completion must all be worth the same.
    """
    if isinstance(found.model, EpisodeAlgorithm):
        if getattr(found.model, "baseline", None) == "mean":
            raise DoesNotApply("Of a baseline that is the same for all tokens of a completion.")
        rollout = found.first_look.rollout
        return Figure(max(float(np.ptp(rollout.columns["advantage"][own])) for own in rollout.each()))
    look = _looks(found, moved=True)
    columns, lam = look.rollout.columns, found.model.gae_lambda
    of_returns = getattr(found.model.rollout_buffer, "value_lambda", None)
    worst = 0.0
    for own in look.rollout.each():
        rewards, values = columns["reward"][own], columns["value"][own]
        targets = _advantages(rewards, values, lam if of_returns is None else of_returns) + values
        for name, expected in (("advantage", _advantages(rewards, values, lam)), ("return", targets)):
            worst = max(worst, float(np.abs(columns[name][own] - expected).max()))
    return Figure(worst)


def _advantages(rewards: np.ndarray, values: np.ndarray, lam: float) -> np.ndarray:
    """Generalised advantage estimation of a whole completion, (T,) each, with gamma 1 (Schulman et al., 2016)."""
    errors = rewards + np.append(values[1:], 0.0) - values
    n = len(errors)
    return np.array([(lam ** np.arange(n - t) * errors[t:]).sum() for t in range(n)])


def every_token_is_trained_once(found: Patient) -> Figure:
    """Tokens that the update evaluated, less those of the rollout, as a share of these, in every epoch."""
    look = _looks(found)
    return Figure(abs(len(look.trained) / (look.n_epochs * look.rollout.kept.sum()) - 1))


def eos_is_trained_once(found: Patient) -> Figure:
    """The same of the tokens that ended a completion."""
    look = _looks(found)
    rollout, eos = look.rollout, found.eos_token_ids
    ended = sum(rollout.tokens[own[-1]] in eos and rollout.kept[own[-1]] for own in rollout.each())
    if not ended:
        raise DoesNotApply("No completion of the rollout ended with EOS: give it more tokens or more environments.")
    trained = sum(token in eos for token in look.trained)
    return Figure(abs(trained / (look.n_epochs * ended) - 1), f"{ended} in the rollout")


def gradients_equal_the_slow_path(found: Patient) -> Figure:
    """The distance of the optimiser's gradient from that of one timestep at a time, as a share of its length."""
    look = _looks(found, moved=True)
    if look.slow_gradient is None:
        raise DoesNotApply("Of losses whose gradient at ratio 1 is the advantage times that of the log-probability.")
    return Figure(float((look.gradient - look.slow_gradient).norm() / look.slow_gradient.norm()))


def steps_are_as_promised(found: Patient) -> Figure:
    """Steps of the optimiser, less epochs times minibatches."""
    look = _looks(found)
    return Figure(abs(look.steps - look.promised_steps), f"{look.steps} of {look.promised_steps}")


class Coin:
    """A reward function that knows nothing of the text: 0 or 1, as likely."""

    __name__ = "coin"

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def __call__(self, completions: Sequence[str], **_: Any) -> list[float]:
        """One coin for each completion."""
        return self.rng.integers(0, 2, len(completions)).astype(float).tolist()


def coins_do_no_harm(found: Patient) -> Figure:
    """The share of the expected reward that is lost by training on coins, computed exactly."""
    if found.make_agent is None or found.model is None:
        raise DoesNotApply("Needs an agent's make_agent, which trains a model of SB3.")
    try:
        task = exact.Solvable.of(found.env_id, beta=1.0)
    except ConfigurationError as error:
        raise DoesNotApply("Needs a task that can be enumerated; for others see benchmarks/coins.py.") from error
    env_kwargs = {"reward_funcs": Coin(seed=0)}
    policy = found.make_agent(found.env_id, seed=0, total_tokens=COIN_TOKENS, env_kwargs=env_kwargs).model.policy
    with torch.no_grad():
        after = task.reward(task.tabulate(lambda batch: policy.get_distribution(batch).distribution.logits))
    return Figure(max(0.0, 1 - float(after / task.reward(task.reference))), f"{COIN_TOKENS:,} tokens")


KL_AT_FIRST = 1e-4  # nats
CHECKS: tuple[tuple[str, Callable[[Patient], Figure], float, str], ...] = (
    (
        "samples fit the stated probabilities",
        samples_fit,
        QUANTILE,
        "Tokens are drawn from another distribution than the log-probabilities tell: a temperature, top-k or top-p "
        "that only one of them has. Use the same in both.",
    ),
    (
        "every token has a log-probability",
        every_token_is_scored,
        0.0,
        "Score as many tokens as were written, the EOS that ends a completion among them, and none behind it.",
    ),
    (
        "dropout is off",
        dropout_is_off,
        1e-6,
        "The same text scored twice in training mode gives two answers. Set every dropout to 0.",
    ),
    (
        "cache equals no cache",
        cache_changes_nothing,
        1e-4,
        "Decoding and training compute different log-probabilities: look at positions, at the attention mask, at what "
        "a cache keeps after a row begins anew, and at the temperature.",
    ),
    (
        "padding and batch split change nothing",
        batch_changes_nothing,
        1e-4,
        "A text's log-probabilities depend on its neighbours: look at the attention mask and at position ids.",
    ),
    (
        "ratio 1 at the first minibatch",
        ratio_is_one,
        1e-3,
        "Before any step the policy is the one that sampled: look for dropout, temperature, truncated sampling, texts "
        "that are tokenised again, and numbers of another precision.",
    ),
    (
        "learning rate 0 changes nothing",
        learning_rate_zero_changes_nothing,
        0.0,
        "Something other than the optimiser writes weights: look for moving averages and for weight decay by hand.",
    ),
    (
        "optimiser steps as promised",
        steps_are_as_promised,
        0.0,
        "Count minibatches and epochs: a last small minibatch, an early stop, or a scheduler that steps, too.",
    ),
    (
        "KL 0 at step 0",
        kl_is_zero_at_first,
        KL_AT_FIRST,
        "The reference is not the model that training begins with, or is computed with another temperature or mask.",
    ),
    (
        "the reference stands still",
        reference_stands_still,
        1e-3,
        "The reference moved with the policy: it shares its weights. Freeze a copy, or switch the adapter off.",
    ),
    (
        "score on the last token",
        score_is_on_the_last_token,
        1e-4,
        "Pay the score at the last real token, the EOS if there is one; nothing on padding, and no value of a text "
        "that is over, as for an episode that was cut.",
    ),
    (
        "divergence is priced with the right sign",
        divergence_is_priced,
        1e-4,
        "The reward is score - beta * (log_prob - reference_log_prob), token by token.",
    ),
    (
        "advantages are those of gamma 1",
        advantages_are_undiscounted,
        1e-3,
        "Set gamma to 1: text has no hurry. Compute returns from advantages that are not whitened, and whiten once, "
        "behind.",
    ),
    (
        "every token is trained once",
        every_token_is_trained_once,
        0.0,
        "The loss is to be a mean over real tokens: mask what is behind the end of a completion, and nothing else.",
    ),
    (
        "EOS is trained once",
        eos_is_trained_once,
        0.0,
        "The stop token is an action. Don't cut it off, and don't mask it because padding has the same id.",
    ),
    (
        "gradients equal the slow path",
        gradients_equal_the_slow_path,
        1e-3,
        "Normalise by the tokens of the whole step, not of a part of it; detach log-probabilities in the reward.",
    ),
    (
        "coin rewards are harmless",
        coins_do_no_harm,
        0.05,
        "The default step size destroys what the model knows, whatever the reward: lower it, and warm up.",
    ),
)
