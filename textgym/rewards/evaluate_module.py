"""Any module of the library `evaluate` as a reward."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from textgym.errors import ConfigurationError, MissingPackageError, RewardError, UnknownNameError, error_text
from textgym.metrics.references import acceptable
from textgym.paths import is_file, is_folder, user_path
from textgym.rewards.contract import texts

if TYPE_CHECKING:
    import evaluate

NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOSPC, errno.EDQUOT)


class EvaluateModule:
    """A reward function: what an `evaluate` module says of each completion, against the column ``reference``.

    Values are as the module gives them, some of them percentages: see `textgym.rewards.Normalised`. Modules without
    references get the completions alone. The module is loaded at the first call, once per process. `evaluate` takes
    about 5 ms for each of its computations.

    Args:
        path_or_name: A module's script or its folder, or a name on the hub, whose code is then downloaded and run.
        key: Which of the module's results; not needed where there is only one.
        per_text: Compute each completion by itself, as a metric of corpora must. False: all at once, for modules whose
            result is a list with one value for each.
        compute_kwargs: Passed on to the module's ``compute``.

    Raises:
        ConfigurationError: At the first call: there is no such module, it cannot be copied to where `evaluate` keeps
            modules, the data set has no references, or the module has several results and ``key`` does not say which.
        UnknownNameError: At the first call: the module has no such result.
        MissingPackageError: At the first call: the module needs a package that is not installed.
        RewardError: The module gives one value for all texts together.
    """

    def __init__(
        self, path_or_name: str | Path, key: str | None = None, per_text: bool = True, **compute_kwargs: Any
    ) -> None:
        path = user_path(path_or_name)
        script = path / f"{path.name}.py" if is_folder(path) else path
        self.module: Path | str = script if is_file(script) else str(path_or_name)
        self.key = key
        self.per_text = per_text
        self.compute_kwargs = compute_kwargs
        self.__name__ = path.stem + (f"_{key}" if key else "")

    def __call__(
        self,
        prompts: Sequence[str] | None = None,
        completions: Sequence[str] = (),
        completion_ids: Sequence[Sequence[int]] = (),
        **columns: Any,
    ) -> list[float | None]:
        """Score the completions; None where the row has no reference."""
        inputs: dict[str, Sequence[Any]] = {"predictions": texts(completions)}
        if self._compares:
            if "reference" not in columns:
                raise ConfigurationError(
                    f"The evaluate module {self.module} compares predictions with references, and the data set has no "
                    f"column 'reference' (it has: {', '.join(columns) or 'none'}). Add the column."
                )
            inputs["references"] = references = columns["reference"]
            if any(isinstance(reference, list) for reference in references):  # modules take either form, but not both
                inputs["references"] = [None if value is None else acceptable(value) for value in references]
        rows = [i for i, values in enumerate(zip(*inputs.values(), strict=True)) if None not in values]
        scores: list[float | None] = [None] * len(completions)
        for group in [[row] for row in rows] if self.per_text else [rows] if rows else []:
            values = self._compute({name: [given[i] for i in group] for name, given in inputs.items()})
            for row, value in zip(group, values, strict=True):
                scores[row] = value
        return scores

    def _compute(self, inputs: dict[str, list[Any]]) -> list[float]:
        """One value for each text."""
        results = self._loaded.compute(**inputs, **self.compute_kwargs)
        key = next(iter(results)) if self.key is None and len(results) == 1 else self.key
        if key is None:
            raise ConfigurationError(
                f"The evaluate module {self.module} has several results: {', '.join(results)}. "
                "Choose one: textgym.rewards.EvaluateModule(path, key=...)."
            )
        if key not in results:
            raise UnknownNameError(f"result of the evaluate module {self.module}", key, results)
        values = np.atleast_1d(results[key]).tolist()
        n_texts = len(inputs["predictions"])
        if len(values) != n_texts:
            raise RewardError(
                f"The evaluate module {self.module} gives {len(values)} values of {key!r} for {n_texts} texts. "
                "Leave per_text=True to compute each by itself."
            )
        return values

    @property
    def _compares(self) -> bool:
        """Whether the module has references."""
        features = self._loaded.features
        return "references" in (features[0] if isinstance(features, list) else features)

    @cached_property
    def _loaded(self) -> evaluate.EvaluationModule:
        import evaluate

        try:
            return evaluate.load(str(self.module), keep_in_memory=True)
        except ImportError as error:
            raise MissingPackageError(f"The evaluate module {self.module} cannot be imported: {error}") from error
        except OSError as error:
            if error.errno not in NOT_WRITABLE:
                raise self._not_loaded(error) from error
            raise ConfigurationError(
                f"evaluate copies the module {self.module} into a folder, which cannot be written: {error}. "
                "Set the environment variable HF_HOME to a folder that can, before Python starts."
            ) from error
        except Exception as error:  # scripts and the hub's client raise what they like
            raise self._not_loaded(error) from error

    def _not_loaded(self, error: Exception) -> ConfigurationError:
        return ConfigurationError(
            f"There is no evaluate module {self.module} that can be loaded ({error_text(error)}). "
            "Give the path of its script or folder, or check the name and the network."
        )

    def __getstate__(self) -> dict[str, Any]:
        # environments travel to other processes: they load the module there again
        return {name: value for name, value in self.__dict__.items() if name != "_loaded"}
