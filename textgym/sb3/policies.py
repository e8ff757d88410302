"""Transformers' causal language models as policies of Stable-Baselines3."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from types import NoneType
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import Schedule
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint

from textgym import models
from textgym.arguments import check_integers, check_numbers, check_texts, positive_integer
from textgym.errors import ConfigurationError, UnknownNameError, shown
from textgym.models.cache import CachedTrunk
from textgym.models.causal_lm import CausalLM, Reference, checkpoint_layers
from textgym.models.packing import PackedBatch, check_right_padded, timestep_states
from textgym.models.support import check_supported
from textgym.sb3.saving import TOKENIZER_FILES, replacing
from textgym.sb3.signature import sign
from textgym.sb3.step_size import warm_up

Observations = dict[str, torch.Tensor]
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def packed(obs: Observations | PackedBatch) -> PackedBatch:
    """A packed batch as it is; N raw observations as texts of one timestep each."""
    if isinstance(obs, PackedBatch):
        return obs
    _check_integers(obs)
    check_right_padded(obs["attention_mask"])
    length = obs["attention_mask"].sum(1).long()  # (N,)
    input_ids = obs["input_ids"][:, : int(length.max())].long()
    return PackedBatch(input_ids, torch.arange(len(length), device=input_ids.device), length - 1)


class TransformerPolicy(ActorCriticPolicy):
    """A language model's own head is the actor; a zero-initialised linear head on its trunk is the critic.

    Works with the stock, unmodified PPO, A2C and TRPO. Rollouts decode one token per step from a key-value cache
    that recognises rows by their content (`CachedTrunk`); updates run one causal forward per episode fragment
    when the rollout buffer is `SequenceRolloutBuffer`, and one per timestep with SB3's own buffers.

    Args:
        observation_space: ``Dict(input_ids=Box(0, V - 1, (L,)), attention_mask=Box(0, 1, (L,)))``.
        action_space: ``Discrete(V)``.
        lr_schedule: Learning-rate schedule.
        model: The name of a causal language model, see `textgym.models.load`; the environment's tokenizer goes by the
            same name.
        temperature: Divides the logits, in sampling and in log-probabilities alike, those of the reference among them.
        dtype: ``"float32"``, or ``"bfloat16"`` for the matrix products (weights and optimiser stay float32);
            `SequenceRolloutBuffer` then computes a rollout's log-probabilities again as training computes them.
        peft: What ``peft.get_peft_config`` takes, such as ``{"peft_type": "LORA", "r": 8}``: an adapter is trained in
            place of the weights. None trains every weight.
        separate_critic: Whether the critic gets a trunk of its own, a copy of the model's.
        warmup_steps: The optimiser's first steps, over which its learning rate rises evenly to what SB3 sets
            (`textgym.sb3.step_size`). 0 is stock SB3, and 24 does a pretrained model good.
        micro_batch_tokens: That one forward pass of training reads at most, padding included, or one row: less memory,
            for a third more time, and the same gradients, for what the backward pass needs is computed again (Chen et
            al., 2016, "Training Deep Nets with Sublinear Memory Cost"). None for a whole minibatch at once. TRPO's own
            steps read it whole.
        gradient_checkpointing: Whether training keeps of each layer its input alone, and computes the layer again for
            its gradient: a third more time for the same gradients, and of all that layers remember one's at a time. It
            goes with ``micro_batch_tokens``, after which it is one layer's of one part. TRPO's own steps keep all.
        optimizer_class: As in SB3.
        optimizer_kwargs: As in SB3; Adam is fused by default.
        use_sde: SB3 gives it to every policy; there is no state-dependent exploration over tokens.

    Raises:
        ConfigurationError: The spaces are not textgym's, the vocabularies differ, or the model is not a causal
            language model with full attention.
    """

    critic_alone: bool = False  # whether training moves the critic, and nothing else (`textgym.sb3.CriticWarmup`)
    language_model: Any  # a causal language model of transformers, or of PEFT
    causal_lm: CausalLM  # the same, taken apart
    critic_trunk: Any  # a base model of transformers, or None

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Schedule,
        model: str = models.DEFAULT,
        temperature: float = 1.0,
        dtype: str = "float32",
        peft: dict[str, Any] | None = None,
        separate_critic: bool = False,
        warmup_steps: int = 0,
        micro_batch_tokens: int | None = None,
        gradient_checkpointing: bool = False,
        optimizer_class: type[torch.optim.Optimizer] = torch.optim.Adam,
        optimizer_kwargs: dict[str, Any] | None = None,
        use_sde: bool = False,
        **unknown: Any,
    ) -> None:
        useless = [*unknown, "use_sde"] if use_sde else [*unknown]
        if useless:
            names = ", ".join(useless)
            raise ConfigurationError(
                f"TransformerPolicy has no use for {names}: its network is the language model, which model= names."
            )
        check_texts(dtype=dtype)
        if dtype not in DTYPES:
            raise ConfigurationError(f"dtype={dtype!r} is not one of {', '.join(DTYPES)}.")
        check_numbers(temperature=temperature)
        if not temperature > 0:
            raise ConfigurationError(
                f"temperature={temperature} must be positive; for greedy text call predict(deterministic=True)."
            )
        if not isinstance(peft, (Mapping, NoneType)):
            raise ConfigurationError(f"peft is {shown(peft)}. Give keywords, such as {{'peft_type': 'LORA', 'r': 8}}.")
        check_integers(warmup_steps=warmup_steps)
        if warmup_steps < 0:
            raise ConfigurationError(f"warmup_steps={warmup_steps} must be at least 0.")
        _check_spaces(observation_space, action_space)
        self.model_name = model
        self.temperature = temperature
        self.dtype_name = dtype
        self.peft = peft
        self.separate_critic = separate_critic
        self.warmup_steps = warmup_steps
        self.micro_batch_tokens = (
            None if micro_batch_tokens is None else positive_integer("micro_batch_tokens", micro_batch_tokens)
        )
        self.gradient_checkpointing = gradient_checkpointing
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
            "peft": self.peft,
            "separate_critic": self.separate_critic,
            "warmup_steps": self.warmup_steps,
            "micro_batch_tokens": self.micro_batch_tokens,
            "gradient_checkpointing": self.gradient_checkpointing,
            "optimizer_class": self.optimizer_class,
            "optimizer_kwargs": self.optimizer_kwargs,
        }

    def make_features_extractor(self) -> BaseFeaturesExtractor:
        """One that nothing goes through, for SB3 asks for one: the language model reads the token ids itself."""
        return BaseFeaturesExtractor(self.observation_space, features_dim=1)

    def _build(self, lr_schedule: Schedule) -> None:
        """Load the model; no orthogonal initialisation, which would overwrite pretrained weights."""
        model: Any = models.load(self.model_name)[0]
        plain = CausalLM(model, self.model_name)
        assert isinstance(self.action_space, spaces.Discrete)
        if plain.vocab_size != self.action_space.n:
            raise ConfigurationError(
                f"The model {self.model_name!r} has {plain.vocab_size} tokens and the environment "
                f"{self.action_space.n}. Give both one name: gym.make(..., tokenizer={self.model_name!r}) and "
                f"policy_kwargs={{'model': {self.model_name!r}}}."
            )
        check_supported(plain)
        assert isinstance(self.observation_space, spaces.Dict)
        (columns,) = self.observation_space["input_ids"].shape or (0,)
        if columns > plain.context:
            raise ConfigurationError(
                f"Observations have {columns} tokens and the model {self.model_name!r} reads {plain.context}: make the "
                "environment's max_prompt_tokens + max_new_tokens smaller."
            )
        # as they are, for transformers would write others than it reads; now, for the folder may be gone at the export
        paths = [path for pattern in TOKENIZER_FILES for path in models.folder(self.model_name).glob(pattern)]
        self._tokenizer_files = {path.name: path.read_bytes() for path in paths}
        model.requires_grad_(True)
        self.critic_trunk = copy.deepcopy(plain.trunk) if self.separate_critic else None
        self.language_model = model if self.peft is None else with_adapter(model, self.peft)
        self.causal_lm = CausalLM(self.language_model, self.model_name)
        if self.gradient_checkpointing:  # now, for PEFT hooks the embeddings of a model that does it already
            for trunk in filter(None, (self.causal_lm.trunk, self.critic_trunk)):
                checkpoint_layers(trunk)
        dtype = DTYPES[self.dtype_name]
        self._trunk = CachedTrunk(self.causal_lm.trunk, self.causal_lm.head, dtype)
        self._critic_cache = CachedTrunk(self.critic_trunk, dtype=dtype) if self.critic_trunk else None
        self.value_net = nn.Linear(self.causal_lm.head.in_features, 1)
        nn.init.zeros_(self.value_net.weight)
        nn.init.zeros_(self.value_net.bias)
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        self.optimizer = self.optimizer_class(trained, lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]
        if self.warmup_steps:
            warm_up(self.optimizer, self.warmup_steps, self.causal_lm.trained_parameters())

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

    @property
    def prefilled_tokens(self) -> int:
        """How many tokens of texts that began have been read for decoding, those of equal texts once."""
        return self._trunk.prefilled_tokens

    def reference(self, name: str | None = None) -> Reference:
        """A frozen model that the policy's divergence is measured from.

        Args:
            name: Of the model (`textgym.models.load`). None for the one that the policy started from: it is loaded a
                second time, or, with an adapter, the policy's own model serves with its adapter off.

        Raises:
            ConfigurationError: Its vocabulary is not the policy's.
        """
        own, name = self.causal_lm, name or self.model_name
        if own.has_adapter and name == self.model_name:
            return Reference(own)
        other = CausalLM.load(name, self.device)
        if other.vocab_size != own.vocab_size:
            raise ConfigurationError(
                f"The reference model {name!r} has {other.vocab_size} tokens and the policy's {own.vocab_size}. "
                "Leave out reference, which is then the policy's model, or name a model of the same vocabulary."
            )
        return Reference(other)

    def export(self, folder: str | Path, merged: bool = True) -> None:
        """Write the language model and its tokenizer; the critic is left behind.

        `textgym.models.load`, transformers, and so ``policy_kwargs={"model": folder}``, read the folder. An older
        model in it is replaced when the new one is complete.

        Args:
            folder: Where to.
            merged: Whether an adapter is merged into the model. Else it is written alone, with the folder that its
                model was read from: transformers reads both, where PEFT is installed.

        Raises:
            ConfigurationError: ``folder`` is a file, or a folder that holds something, but no model.
        """
        with replacing(folder) as beside:
            with models.without_progress_bar():
                (self.causal_lm.plain() if merged else self.language_model).save_pretrained(beside)
            for name, content in self._tokenizer_files.items():
                (beside / name).write_bytes(content)

    # ------------------------------------------------------------------ rollout: cached, one token per step

    def _last_hidden(self, obs: Observations) -> tuple[torch.Tensor, torch.Tensor]:
        """Actor's and critic's hidden states at the last token of raw observations, (n, d) each."""
        _check_integers(obs)
        input_ids, attention_mask = obs["input_ids"], obs["attention_mask"]
        hidden = self._trunk.last_hidden(input_ids, attention_mask)
        critic = hidden if self._critic_cache is None else self._critic_cache.last_hidden(input_ids, attention_mask)
        return hidden, critic

    def _logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Float32 logits (n, V), divided by the temperature."""
        logits = self._trunk.logits(hidden)
        return logits if self.temperature == 1.0 else logits / self.temperature

    @torch.no_grad()
    def forward(  # type: ignore[override]
        self, obs: Observations, deterministic: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Choose the next token of each row, without gradients: `evaluate_actions` gives them.

        Args:
            obs: Raw observations, n rows.
            deterministic: The likeliest token instead of a sample.

        Returns:
            Actions (n,), values (n, 1), which tell the rollout buffer whose they are, and log-probabilities (n,).

        Raises:
            ConfigurationError: The model has diverged: its logits are NaN.
        """
        hidden, critic_hidden = self._last_hidden(obs)
        probs = self._logits(hidden).softmax(1)  # (n, V)
        actions = probs.argmax(1) if deterministic else sample(probs)
        log_prob = probs.gather(1, actions[:, None])[:, 0].log()
        if log_prob.isnan().any():  # SB3 waits for the actions next, so that a GPU loses nothing by it
            raise ConfigurationError(
                "The model's logits are no numbers (NaN): its weights were so when it was loaded, or training has "
                "diverged. Use a lower learning_rate, or a lower max_grad_norm."
            )
        return actions, sign(self.value_net(critic_hidden.to(self._dtype)), self), log_prob

    def _predict(self, observation: Observations, deterministic: bool = False) -> torch.Tensor:  # type: ignore[override]
        return self(observation, deterministic)[0]

    # ------------------------------------------------------------------ update: one forward per fragment

    def _hidden(self, obs: Observations | PackedBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Actor's and critic's hidden states of every timestep, (N, d) each, with gradients."""
        batch = packed(obs)
        hidden = self.causal_lm.states(batch, self.compute_dtype)
        critic = hidden if self.critic_trunk is None else timestep_states(self.critic_trunk, batch, self.compute_dtype)
        return hidden, critic.to(self._dtype)

    def evaluate_actions(  # type: ignore[override]
        self, obs: Observations | PackedBatch, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Values (N, 1), log-probabilities (N,) and entropies (N,) of the tokens that were chosen.

        Args:
            obs: A packed batch of N timesteps, as `SequenceRolloutBuffer` yields, or N raw observations.
            actions: Token ids (N,).
        """
        batch = packed(obs)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.critic_alone):
            hidden = self._states(self.causal_lm.trunk, batch)
            log_prob, entropy = self._statistics(hidden, actions.long().flatten(), batch.allowed)
        critic = hidden if self.critic_trunk is None else self._states(self.critic_trunk, batch)
        return self.value_net(critic.to(self._dtype)), log_prob, entropy

    def _states(self, trunk: Any, batch: PackedBatch) -> torch.Tensor:
        """A trunk's hidden states (N, d), of no more tokens at once than ``micro_batch_tokens``."""
        parts = [batch] if self.micro_batch_tokens is None else batch.parts(self.micro_batch_tokens)
        if len(parts) == 1 or not torch.is_grad_enabled():
            return timestep_states(trunk, batch, self.compute_dtype)
        states = [
            checkpoint(timestep_states, trunk, part, self.compute_dtype, use_reentrant=False, preserve_rng_state=False)
            for part in parts
        ]  # the generator's state is of no account, for there is no dropout
        return torch.cat(states)

    def _statistics(
        self, hidden: torch.Tensor, tokens: torch.Tensor, allowed: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-probabilities and entropies, (N,) each, after hidden states (N, d)."""
        if allowed is None:
            return self.causal_lm.statistics(hidden, tokens, self.temperature, self.compute_dtype)
        log_probs = self.causal_lm.log_probs_of_vocabulary(hidden, self.temperature, allowed)  # (N, V)
        # 0 log 0 is 0, in the gradient too
        entropy = -(log_probs.exp() * log_probs.masked_fill(~allowed, 0.0)).sum(1)
        return log_probs.gather(1, tokens[:, None])[:, 0], entropy

    def log_prob(self, obs: Observations | PackedBatch, actions: torch.Tensor) -> torch.Tensor:
        """Log-probabilities (N,) of tokens, without gradients; arguments as in `evaluate_actions`."""
        with torch.no_grad():
            return self.evaluate_actions(obs, actions)[1]

    def get_distribution(self, obs: Observations | PackedBatch) -> Distribution:  # type: ignore[override]
        """SB3's categorical distribution over the vocabulary, for every timestep of the batch.

        Its gradients can be differentiated again, as TRPO does, which those of torch's faster attention cannot.
        """
        with sdpa_kernel(SDPBackend.MATH) if torch.is_grad_enabled() else nullcontext():
            batch = packed(obs)
            self.causal_lm.trunk.eval()  # or checkpoints would compute a layer again by another kernel than at first
            hidden, _ = self._hidden(batch)
        logits = self.causal_lm.logits(hidden) / self.temperature
        if batch.allowed is not None:
            logits = logits.masked_fill(~batch.allowed, torch.finfo(logits.dtype).min)  # SB3 wants finite ones
        return self.action_dist.proba_distribution(action_logits=logits)

    def predict_values(self, obs: Observations | PackedBatch) -> torch.Tensor:  # type: ignore[override]
        """Values (N, 1): from the cache without gradients, from a full forward with them."""
        if torch.is_grad_enabled() or isinstance(obs, PackedBatch):
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
    total = cumulative[:, -1:]
    point = torch.rand(len(probs), 1, device=probs.device) * total
    # rounding may put it at the very end, beyond the last token of positive probability
    point = torch.minimum(point, torch.nextafter(total, torch.zeros_like(total)))
    # right=True: torch.rand may return 0, which must not choose a forbidden token 0
    return torch.searchsorted(cumulative, point, right=True)[:, 0].clamp_(max=probs.shape[1] - 1)  # of NaN: V


def _check_integers(obs: Observations) -> None:
    if obs["input_ids"].is_floating_point() or obs["attention_mask"].is_floating_point():
        raise ConfigurationError(
            "Observations are token ids and masks, and these are fractions. A wrapper has changed them; if it is "
            "VecNormalize, use VecNormalize(env, norm_obs=False), which normalises rewards alone."
        )


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


def with_adapter(model: Any, keywords: dict[str, Any]) -> Any:
    """A PEFT model around one of transformers, whose adapter alone is trained.

    Raises:
        ConfigurationError: PEFT refuses the keywords, or they ask for dropout.
    """
    from peft import PeftType, get_peft_config, get_peft_model

    dropout = [name for name, value in keywords.items() if "dropout" in name and value]
    if dropout:
        raise ConfigurationError(
            f"peft={keywords!r}: leave {' and '.join(dropout)} out, for the policy must be the same function in "
            "training and in sampling."
        )
    known = [kind.name for kind in PeftType]
    if keywords.get("peft_type") not in known:
        raise UnknownNameError("peft_type", str(keywords.get("peft_type")), known)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "fan_in_fan_out")  # GPT-2's layers are stored transposed; PEFT sees to it
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`")  # PEFT's name for it is an old one
            return get_peft_model(model, get_peft_config({"task_type": "CAUSAL_LM", **keywords}))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"peft={keywords!r} is refused by peft: {error}") from error
