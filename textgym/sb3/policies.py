"""Transformers' causal language models as policies of Stable-Baselines3."""

from __future__ import annotations

import copy
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import Schedule
from torch import nn

from textgym import models
from textgym.errors import ConfigurationError
from textgym.models.cache import CachedTrunk
from textgym.models.packing import timestep_states
from textgym.models.token_statistics import TokenStatistics

Batch = dict[str, torch.Tensor]
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def timesteps(obs: Batch) -> Batch:
    """A packed batch of `SequenceRolloutBuffer` as it is; raw observations as texts of one timestep each.

    Returns:
        What `textgym.models.packing.timestep_states` reads.
    """
    if "position" in obs:
        return obs
    length = obs["attention_mask"].sum(1).long()  # (N,)
    if bool((length < 1).any()):
        # a right-padded row without a token has no last token to read a hidden state from
        raise ConfigurationError("An observation has no token at all (attention_mask is all 0): give it a prompt.")
    input_ids = obs["input_ids"][:, : int(length.max())].long()
    return {"input_ids": input_ids, "row": torch.arange(len(length), device=input_ids.device), "position": length - 1}


class TransformerPolicy(ActorCriticPolicy):
    """A language model's own head is the actor; a zero-initialised linear head on its trunk is the critic.

    Works with the stock, unmodified PPO and A2C. Rollouts decode one token per step from a key-value cache
    that recognises rows by their content (`CachedTrunk`); updates run one causal forward per episode fragment
    when the rollout buffer is `SequenceRolloutBuffer`, and one per timestep with SB3's own buffers.

    Args:
        observation_space: ``Dict(input_ids=Box(0, V - 1, (L,)), attention_mask=Box(0, 1, (L,)))``.
        action_space: ``Discrete(V)``.
        lr_schedule: Learning-rate schedule.
        model: Name of a causal language model, see `textgym.models.load`; the environment's tokenizer goes by the
            same name.
        temperature: Divides the logits, in sampling and in log-probabilities alike. Other than 1, and with a price
            on divergence, it needs `TextCallback`, so that the reference's are divided too.
        dtype: ``"float32"``, or ``"bfloat16"`` for the matrix products (weights and optimiser stay float32). It needs
            `TextCallback`, so that the rollout's log-probabilities are computed again by the training forward.
        separate_critic: Give the critic a trunk of its own, a copy of the model's.
        optimizer_class: As in SB3.
        optimizer_kwargs: As in SB3; Adam is fused by default.
        use_sde: SB3 gives it to every policy; there is no state-dependent exploration over tokens.

    Raises:
        ConfigurationError: The spaces are not textgym's, the vocabularies differ, or the model is not a causal
            language model with full attention.
    """

    language_model: Any  # a transformers causal language model
    critic_trunk: Any  # its base model, or None

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Schedule,
        model: str = models.DEFAULT,
        temperature: float = 1.0,
        dtype: str = "float32",
        separate_critic: bool = False,
        optimizer_class: type[torch.optim.Optimizer] = torch.optim.Adam,
        optimizer_kwargs: dict[str, Any] | None = None,
        use_sde: bool = False,
        **unknown: Any,
    ) -> None:
        if unknown or use_sde:
            names = ", ".join([*unknown, *["use_sde"] * use_sde])
            raise ConfigurationError(
                f"TransformerPolicy has no use for {names}: its network is the language model, which model= names."
            )
        if dtype not in DTYPES:
            raise ConfigurationError(f"dtype={dtype!r} is not one of {', '.join(DTYPES)}.")
        if not temperature > 0:
            raise ConfigurationError(
                f"temperature={temperature} must be positive; for greedy text call predict(deterministic=True)."
            )
        _check_spaces(observation_space, action_space)
        self.model_name = model
        self.temperature = temperature
        self.dtype_name = dtype
        self.separate_critic = separate_critic
        if optimizer_kwargs is None and optimizer_class is torch.optim.Adam:
            optimizer_kwargs = {"eps": 1e-5, "fused": True}
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            optimizer_class=optimizer_class,
            optimizer_kwargs=optimizer_kwargs,
        )

    @property
    def _dtype(self) -> torch.dtype:
        """Of the weights: float32, unless a user has called ``double()``."""
        return self.value_net.weight.dtype

    @property
    def compute_dtype(self) -> torch.dtype:
        """Of the matrix products."""
        return torch.bfloat16 if self.dtype_name == "bfloat16" else self._dtype

    @property
    def recomputes_log_probs(self) -> bool:
        """Whether decoding and training round differently, so that the buffer has to ask for log-probabilities anew."""
        return self.dtype_name == "bfloat16"

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {
            "observation_space": self.observation_space,
            "action_space": self.action_space,
            "lr_schedule": self._dummy_schedule,  # not needed to load a policy alone
            "model": self.model_name,
            "temperature": self.temperature,
            "dtype": self.dtype_name,
            "separate_critic": self.separate_critic,
            "optimizer_class": self.optimizer_class,
            "optimizer_kwargs": self.optimizer_kwargs,
        }

    def _build(self, lr_schedule: Schedule) -> None:
        """Load the model; no orthogonal initialisation, which would overwrite pretrained weights."""
        self.language_model, _ = models.load(self.model_name)
        vocab_size = self.language_model.get_output_embeddings().weight.shape[0]
        assert isinstance(self.action_space, spaces.Discrete)
        if vocab_size != self.action_space.n:
            raise ConfigurationError(
                f"The model {self.model_name!r} has {vocab_size} tokens and the environment {self.action_space.n}. "
                f"Give both one name: gym.make(..., tokenizer={self.model_name!r}) and "
                f"policy_kwargs={{'model': {self.model_name!r}}}."
            )
        check_model(self.model_name, self.language_model)
        assert isinstance(self.observation_space, spaces.Dict)
        (columns,) = self.observation_space["input_ids"].shape or (0,)
        context = self.language_model.config.max_position_embeddings
        if columns > context:
            raise ConfigurationError(
                f"Observations have {columns} tokens and the model {self.model_name!r} reads {context}: make the "
                "environment's max_prompt_tokens + max_new_tokens smaller."
            )
        self.language_model.requires_grad_(True)
        trunk, dtype = self.language_model.base_model, self.dtype_name
        self._trunk = CachedTrunk(trunk, self._head, DTYPES[dtype])
        self.critic_trunk = copy.deepcopy(trunk) if self.separate_critic else None
        self._critic_cache = CachedTrunk(self.critic_trunk, dtype=DTYPES[dtype]) if self.critic_trunk else None
        self.value_net = nn.Linear(self._head.weight.shape[1], 1)
        nn.init.zeros_(self.value_net.weight)
        nn.init.zeros_(self.value_net.bias)
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    @property
    def _head(self) -> nn.Linear:
        return self.language_model.get_output_embeddings()

    def set_training_mode(self, mode: bool) -> None:
        """Switch between training and evaluation; training empties the cache."""
        if mode:
            self.clear_cache()
        super().set_training_mode(mode)

    def clear_cache(self) -> None:
        """Forget keys and values. Needed only after weights were changed through ``parameter.data``."""
        self._trunk.clear()
        if self._critic_cache is not None:
            self._critic_cache.clear()

    # ------------------------------------------------------------------ rollout: cached, one token per step

    def _last_hidden(self, obs: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Actor's and critic's hidden states at the last token of raw observations, (n, d) each."""
        length = obs["attention_mask"].sum(1).long()  # (n,)
        hidden = self._trunk.last_hidden(obs["input_ids"], length)
        if self._critic_cache is None:
            return hidden, hidden
        return hidden, self._critic_cache.last_hidden(obs["input_ids"], length)

    def _logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Float32 logits (n, V), divided by the temperature."""
        logits = self._trunk.logits(hidden)
        return logits if self.temperature == 1.0 else logits / self.temperature

    @torch.no_grad()
    def forward(self, obs: Batch, deterministic: bool = False) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:  # type: ignore[override]
        """Choose the next token of each row, without gradients: `evaluate_actions` gives them.

        Args:
            obs: Raw observations, n rows.
            deterministic: The likeliest token instead of a sample.

        Returns:
            Actions (n,), values (n, 1), log-probabilities (n,).
        """
        hidden, critic_hidden = self._last_hidden(obs)
        probs = self._logits(hidden).softmax(1)  # (n, V)
        actions = probs.argmax(1) if deterministic else sample(probs)
        log_prob = probs.gather(1, actions[:, None])[:, 0].log()
        return actions, self.value_net(critic_hidden.to(self._dtype)), log_prob

    def _predict(self, observation: Batch, deterministic: bool = False) -> torch.Tensor:  # type: ignore[override]
        return self(observation, deterministic)[0]

    # ------------------------------------------------------------------ update: one forward per fragment

    def _hidden(self, obs: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Actor's and critic's hidden states of every timestep, (N, d) each, with gradients."""
        batch = timesteps(obs)
        hidden = timestep_states(self.language_model.base_model, batch, self.compute_dtype)
        critic = hidden if self.critic_trunk is None else timestep_states(self.critic_trunk, batch, self.compute_dtype)
        return hidden, critic.to(self._dtype)

    def evaluate_actions(  # type: ignore[override]
        self, obs: Batch, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Values (N, 1), log-probabilities (N,) and entropies (N,) of the tokens that were chosen.

        Args:
            obs: A packed batch of `SequenceRolloutBuffer`, or N raw observations.
            actions: Token ids (N,).
        """
        needs_binding = self.recomputes_log_probs or (self.temperature != 1.0 and obs.get("priced", True))
        if not obs.get("bound", True) and needs_binding:
            raise ConfigurationError(
                f"dtype={self.dtype_name!r} with temperature={self.temperature} needs learn(callback=TextCallback()), "
                "which makes the policy known to the rollout buffer: log-probabilities are computed again as training "
                "computes them, and the reference's at the same temperature."
            )
        hidden, critic_hidden = self._hidden(obs)
        head = self._head
        log_prob, entropy = TokenStatistics.apply(
            hidden, head.weight, head.bias, actions.long().flatten(), self.temperature, self.compute_dtype
        )
        return self.value_net(critic_hidden), log_prob, entropy

    def log_prob(self, obs: Batch, actions: torch.Tensor) -> torch.Tensor:
        """Log-probabilities (N,) of tokens, without gradients; arguments as in `evaluate_actions`."""
        with torch.no_grad():
            return self.evaluate_actions(obs, actions)[1]

    def get_distribution(self, obs: Batch) -> Distribution:  # type: ignore[override]
        """SB3's categorical distribution over the vocabulary, for every timestep of the batch."""
        hidden, _ = self._hidden(obs)
        logits = (
            torch.nn.functional.linear(hidden.to(self._dtype), self._head.weight, self._head.bias) / self.temperature
        )
        return self.action_dist.proba_distribution(action_logits=logits)

    def predict_values(self, obs: Batch) -> torch.Tensor:  # type: ignore[override]
        """Values (N, 1): from the cache without gradients, from a full forward with them."""
        if torch.is_grad_enabled() or "position" in obs:
            return self.value_net(self._hidden(obs)[1])
        return self.value_net(self._last_hidden(obs)[1].to(self._dtype))


def sample(probs: torch.Tensor) -> torch.Tensor:
    """Draw a token per row by inverting the cumulative distribution, which is faster than multinomial on a CPU.

    Args:
        probs: Probabilities (n, V), float32; a forbidden token has 0.

    Returns:
        Token ids (n,).
    """
    cumulative = probs.cumsum(1)  # (n, V)
    point = torch.rand(len(probs), 1, device=probs.device) * cumulative[:, -1:]
    # right=True: torch.rand may return 0, which must not choose a forbidden token 0
    tokens = torch.searchsorted(cumulative, point, right=True)[:, 0]
    if bool((tokens == probs.shape[1]).any()):
        # rounding has put the point at the very end: the last token of positive probability is meant
        tokens = torch.minimum(tokens, (cumulative < cumulative[:, -1:]).sum(1))
    return tokens


def _check_spaces(observation_space: spaces.Space, action_space: spaces.Space) -> None:
    if (
        not isinstance(action_space, spaces.Discrete)
        or not isinstance(observation_space, spaces.Dict)
        or set(observation_space.spaces) != {"input_ids", "attention_mask"}
    ):
        raise ConfigurationError(
            "TransformerPolicy needs a text-generation environment: observations Dict(input_ids, attention_mask) and "
            f"actions Discrete(V). Got {observation_space} and {action_space}."
        )


def check_model(name: str, model: Any) -> None:
    """Refuse, by name, models for which cached decoding or packed updates would be wrong.

    Sliding windows, recurrent and state-space layers forget columns; some models change the logits behind the
    head. Both are found by what the configuration says and by comparing the paths on two short rows.

    Raises:
        ConfigurationError: Says what about the model is unsupported.
    """
    config = model.config
    layer_types = set(getattr(config, "layer_types", None) or ["full_attention"])
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    if layer_types != {"full_attention"} or window or getattr(model, "_is_stateful", False):
        what = ", ".join(sorted(layer_types - {"full_attention"})) or (
            f"a sliding window of {window}" if window else "recurrent state"
        )
        raise ConfigurationError(
            f"The model {name!r} ({config.model_type}) has {what}; "
            "TransformerPolicy needs full attention in every layer."
        )
    ids = torch.arange(12, device=next(model.parameters()).device).remainder(config.vocab_size).view(2, 6)
    lengths = torch.tensor([6, 4], device=ids.device)
    with torch.no_grad():
        expected = model(input_ids=ids).logits[torch.arange(2), lengths - 1].float()  # (2, V)
        trunk = CachedTrunk(model.base_model, model.get_output_embeddings())
        hidden = trunk.last_hidden(ids, lengths - 1)
        hidden = trunk.last_hidden(ids, lengths)
        actual = trunk.logits(hidden)
    if not torch.allclose(actual.log_softmax(1), expected.log_softmax(1), atol=1e-2):
        raise ConfigurationError(
            f"The model {name!r} ({config.model_type}) does not compute its logits as head(trunk(tokens)) with "
            "positions counted from the left, so that cached and full forwards differ. TransformerPolicy cannot use it."
        )
