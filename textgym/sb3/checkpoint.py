"""Training that goes on after a kill as if there had been none: everything that it depends on, in one file.

Between an update and the next rollout that is: weights, optimiser, the environments in mid-episode, the generators of
torch, numpy, Python and the environments, and what classes name in ``STATE``, attributes that training changes.
"""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from textgym.arguments import positive_integer
from textgym.errors import ConfigurationError
from textgym.sb3.buffers import SequenceRolloutBuffer
from textgym.sb3.episode_algorithm import EpisodeAlgorithm
from textgym.sb3.saving import whole_file
from textgym.sb3.vec_env import TextVecEnv

FORMAT = 1
WINDOWS = ("ep_info_buffer", "ep_success_buffer")  # of SB3: the last episodes, for its logs
OF_SB3 = ("num_timesteps", "_n_updates", "_episode_num", "_last_obs", "_last_episode_starts", *WINDOWS)


class Checkpoint(BaseCallback):
    """Keeps a file from which `resume` goes on, whatever kills the process.

    The file is written between an update and the next rollout, and when training has ended. The one before stays whole
    until the new one is.

    Args:
        path: The file.
        every: After how many rollouts it is written again.

    Raises:
        ConfigurationError: ``every`` is no positive integer; when training begins, that its state cannot be known.
    """

    def __init__(self, path: str | Path, every: int = 1) -> None:
        super().__init__()
        self.path, self.every = Path(path), positive_integer("every", every)

    def _on_training_start(self) -> None:
        _parts(self.model)
        self._rollouts = 0

    def _on_rollout_start(self) -> None:
        if self._rollouts and self._rollouts % self.every == 0:
            self._write()
        self._in_rollout = True

    def _on_rollout_end(self) -> None:
        self._rollouts += 1
        self._in_rollout = False

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        if not self._in_rollout:  # a callback may have ended one, whose beginning is lost
            self._write()

    def _write(self) -> None:
        state = {
            "format": FORMAT,
            "about": _about(self.model),
            "policy": self.model.policy.state_dict(),
            "optimizer": self.model.policy.optimizer.state_dict(),
            "sb3": {name: _packed(getattr(self.model, name)) for name in OF_SB3},
            "parts": {name: _packed(part) for name, part in _parts(self.model).items()},
            "generators": _generators(),
        }
        with whole_file(self.path) as file:
            torch.save(state, file)


def resume(model: BaseAlgorithm, path: str | Path) -> None:
    """Put an algorithm, and this process's generators, where they were when `Checkpoint` wrote a file.

    Nothing is unpickled, so that the file can be anybody's. Train on without SB3's reset::

        model = ...  # made as it was in the run that was killed
        resume(model, "ppo.checkpoint")
        model.learn(24_000 - model.num_timesteps, callback=Checkpoint("ppo.checkpoint"), reset_num_timesteps=False)

    Args:
        model: Made anew, with the same arguments.
        path: The file.

    Raises:
        ConfigurationError: The file is no checkpoint, or one of another algorithm, model or environment.
    """
    state, parts = _read(Path(path)), _parts(model)
    for what, (theirs, own) in _differences(state["about"], _about(model)).items():
        raise ConfigurationError(
            f"The checkpoint {str(path)!r} is of a run with {what} {theirs}, and this one has {own}: make the "
            "algorithm as it was made there."
        )
    policy: Any = model.policy
    policy.load_state_dict(state["policy"])
    policy.optimizer.load_state_dict(state["optimizer"])
    for name in OF_SB3:
        setattr(model, name, _plain(state["sb3"][name]))
    for name in WINDOWS:
        setattr(model, name, deque(state["sb3"][name], maxlen=model._stats_window_size))
    for name, part in parts.items():
        _restored(part, state["parts"][name])
    _set_generators(state["generators"])


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ConfigurationError(f"There is no checkpoint {str(path)!r}: give the file that Checkpoint has written.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch reads damaged files in whatever way, and all mean the same
        raise ConfigurationError(f"{str(path)!r} is no checkpoint that Checkpoint has written: {error}") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise ConfigurationError(f"{str(path)!r} is no checkpoint of this version of textgym.")
    return state


def _parts(model: Any) -> dict[str, Any]:
    """The objects whose classes have a ``STATE``.

    Raises:
        ConfigurationError: The environment or the buffer is another, whose state is not known.
    """
    if not isinstance(model.env, TextVecEnv):
        raise ConfigurationError(
            f"A checkpoint holds episodes that are not over yet, and {type(model.env).__name__} does not tell them: "
            "give a TextVecEnv without wrappers."
        )
    if isinstance(model, EpisodeAlgorithm):
        return {"algorithm": model, "env": model.env}
    if not isinstance(getattr(model, "rollout_buffer", None), SequenceRolloutBuffer):
        raise ConfigurationError(
            f"A checkpoint is of an algorithm with a SequenceRolloutBuffer, or of an EpisodeAlgorithm, and not of this "
            f"{type(model).__name__}. Use model.save, which begins new episodes when it is loaded."
        )
    return {"algorithm": model, "env": model.env, "buffer": model.rollout_buffer}


def _about(model: Any) -> dict[str, Any]:
    """What must be equal in the run that goes on, in words or numbers that errors can show."""
    shapes = {name: [*tensor.shape] for name, tensor in model.policy.state_dict().items()}
    trained = sum(parameter.numel() for parameter in model.policy.parameters() if parameter.requires_grad)
    return {
        "the algorithm": type(model).__name__,
        "environments": model.env.num_envs,
        "rollouts of so many steps": model.n_steps,
        "prompts of hash": _hash(model.env.venv.prompts),
        "weights of hash": _hash(shapes),
        "trained weights": trained,
    }


def _hash(value: Any) -> str:
    return hashlib.sha256(repr(value).encode(errors="backslashreplace")).hexdigest()[:12]


def _differences(theirs: dict[str, Any], own: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {what: (theirs.get(what), own[what]) for what in own if theirs.get(what) != own[what]}


# ---------------------------------------------------------------- state, as plain data and tensors


def _names(part: Any) -> list[str]:
    """What all classes of an object name in ``STATE``."""
    return [name for each in type(part).__mro__ for name in vars(each).get("STATE", ())]


def _packed(value: Any) -> Any:
    """Numbers, texts, tensors, lists and dicts in place of a value; nothing of what is none of these."""
    if names := _names(value):
        return {name: _packed(getattr(value, name)) for name in names}
    match value:
        case np.random.Generator():
            return _packed(value.bit_generator.state)
        case np.ndarray():
            return torch.from_numpy(value.copy())
        case np.generic():
            return value.item()
        case Mapping():
            return {key: _packed(each) for key, each in value.items()}
        case list() | tuple() | deque():
            return [_packed(each) for each in value]
        case bool() | int() | float() | str():
            return value
    return None


def _restored(old: Any, saved: Any) -> Any:
    """What a value becomes by what was packed; an object with a ``STATE`` stays, and its attributes change."""
    if names := _names(old):
        for name in names:
            setattr(old, name, _restored(getattr(old, name), saved[name]))
        return old
    if isinstance(saved, dict) and "bit_generator" in saved:
        generator = np.random.default_rng()
        generator.bit_generator.state = _plain(saved)
        return generator
    if isinstance(saved, list):
        olds = old if isinstance(old, list) and len(old) == len(saved) else [None] * len(saved)
        return [_restored(*pair) for pair in zip(olds, saved, strict=True)]
    return old if callable(old) else _plain(saved)


def _plain(saved: Any) -> Any:
    """What was packed, with arrays in place of tensors."""
    match saved:
        case torch.Tensor():
            return saved.numpy()
        case dict():
            return {key: _plain(each) for key, each in saved.items()}
        case list():
            return [_plain(each) for each in saved]
    return saved


def _generators() -> dict[str, Any]:
    """The states of this process's own generators."""
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": _packed(np.random.get_state(legacy=False)),  # noqa: NPY002 - the one that SB3 uses
        "python": _packed(random.getstate()),
    }


def _set_generators(states: dict[str, Any]) -> None:
    torch.set_rng_state(states["torch"])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"])
    np.random.set_state(_plain(states["numpy"]))  # noqa: NPY002
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
