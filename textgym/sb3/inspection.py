"""Every token of a rollout with what the algorithm makes of it, as a table and as a picture."""

from __future__ import annotations

import html
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from textgym.drawing import Span, draw, token_labels
from textgym.errors import ConfigurationError
from textgym.sb3.buffers import SequenceRolloutBuffer
from textgym.sb3.completions import Completions
from textgym.sb3.episode_algorithm import EpisodeAlgorithm

if TYPE_CHECKING:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

SHOWN = 20  # rows that printing shows
LEAST = 1e-6  # that a scale spans
WIDTH, ABOVE, BELOW, DPI = 900, 30, 60, 100  # pixels of a picture, and of it above and below the text


class Scale(NamedTuple):
    """How a quantity is coloured.

    Attributes:
        colour_map: The name of one of matplotlib's.
        legend: What the colour stands for.
        centre: The value in the middle of a colour map of two colours; None for one that goes from least to most.
        logarithmic: Whether half and double are equally far from the centre 1.
    """

    colour_map: str
    legend: str
    centre: float | None = None
    logarithmic: bool = False

    def norm(self, values: np.ndarray) -> Normalize:
        """Values to [0, 1], so that all of them have a colour."""
        from matplotlib.colors import LogNorm, Normalize

        if self.logarithmic:
            reach = max(np.exp(np.abs(np.log(values)).max()), 1 + LEAST)
            return LogNorm(1 / reach, reach)
        if self.centre is None:
            return Normalize(values.min(), max(values.max(), values.min() + LEAST))
        reach = max(np.abs(values - self.centre).max(), LEAST)
        return Normalize(self.centre - reach, self.centre + reach)


SCALES = {
    "advantage": Scale("RdYlGn", "advantage", 0.0),
    "value": Scale("YlGnBu", "value of the text before the token"),
    "kl": Scale("PuOr_r", "log-probability minus the reference's, nats", 0.0),
    "ratio": Scale("PRGn", "probability now / probability in the rollout", 1.0, logarithmic=True),
}


class RolloutTable:
    """The tokens of a rollout, N rows in the order of its completions; `inspect_rollout` makes it.

    ``table["advantage"]`` is a column, iteration gives a dict for each token, and printing shows the first rows.
    Columns are numpy arrays (N,):

    - ``completion``: its number in the rollout, 0 for the first that began; one that an earlier rollout began, or that
      goes on in the next, is here the part of it in this rollout. ``env``, ``step``: where the buffer holds the token.
      Of whole episodes ``group``, the number of the prompt, comes in place of ``env``, and ``step`` counts the
      completion's own tokens.
    - ``token``: the text that it adds, see `TextTokenizer.pieces`; ``token_id``.
    - ``reward``: what the environment gave, for whole episodes with their last token; ``kl``: log-probability minus the
      reference's, in nats, 0 without one; ``price``: what was added to the reward for it, ``-beta * kl``, 0 where the
      loss pays. ``whiten_rewards`` comes behind both.
    - ``log_prob``, ``reference_log_prob``, ``value`` (not without a critic), ``advantage``, ``return``: as the rollout
      has them.
    - ``ratio``: the token's probability under the policy as it is now, divided by that in the rollout.

    Args:
        columns: The arrays above.
        prompts: For each completion, the text before it.
        labels: For each token, how pictures show it.
    """

    def __init__(self, columns: dict[str, np.ndarray], prompts: list[str], labels: list[str]) -> None:
        self.columns = columns
        self.prompts = prompts
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for values in zip(*(column.tolist() for column in self.columns.values()), strict=True):
            yield dict(zip(self.columns, values, strict=True))

    def __repr__(self) -> str:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        caption = f"{min(SHOWN, len(self))} of {len(self)} tokens, {len(self.prompts)} completions"
        table = Table(box=box.SIMPLE_HEAD, caption=caption, caption_justify="left", padding=(0, 1, 0, 0))
        for name, column in self.columns.items():
            table.add_column(name.replace("_", " "), justify="left" if column.dtype == object else "right")
        for row in list(self)[:SHOWN]:
            # repr: white space and control characters are seen, and never reach the terminal
            cells = [
                f"{v:.3g}" if isinstance(v, float) else repr(v) if isinstance(v, str) else str(v) for v in row.values()
            ]
            table.add_row(*map(Text, cells))
        console = Console(file=io.StringIO(), width=140)
        with console.capture() as captured:
            console.print(table)
        return captured.get().rstrip()

    def to_png(self, path: str | Path, completion: int = 0, color: str = "advantage") -> None:
        """Draw a completion behind its prompt, each token coloured by a quantity, with a legend.

        Args:
            path: The file to write.
            completion: The completion's number in the rollout.
            color: ``"advantage"``, ``"value"`` where there is a critic, ``"kl"`` or ``"ratio"``.

        Raises:
            ConfigurationError: There is no such completion or quantity.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        rows, colours = self._coloured(completion, color)
        shades = _css(colours.to_rgba(self[color][rows]))
        tokens = [Span(_visible(self.labels[row]), _ink(shade), shade) for row, shade in zip(rows, shades, strict=True)]
        text = draw([Span(self.prompts[completion], "dimgrey"), *tokens], WIDTH)  # (h, WIDTH, 3)
        height = len(text) + ABOVE + BELOW
        figure = Figure((WIDTH / DPI, height / DPI), DPI)  # no pyplot: its backend stays the user's
        FigureCanvasAgg(figure)
        figure.text(0.012, 1 - 20 / height, self._title(completion), parse_math=False)
        figure.figimage(text, 0, BELOW)
        legend = figure.add_axes((0.03, 40 / height, 0.4, 12 / height))
        norm: Any = colours.norm
        ticks = norm.inverse(np.linspace(0, 1, 5))
        figure.colorbar(colours, cax=legend, orientation="horizontal", ticks=ticks, format="%.2g").minorticks_off()
        figure.text(0.45, 40 / height, SCALES[color].legend)
        picture = io.BytesIO()
        figure.savefig(picture, format="png")
        Path(path).write_bytes(picture.getvalue())

    def to_html(self, path: str | Path, completion: int = 0, color: str = "advantage") -> None:
        """Write the same as a page that needs no other file; a token under the pointer shows all its quantities.

        Args:
            path: The file to write.
            completion: The completion's number in the rollout.
            color: ``"advantage"``, ``"value"`` where there is a critic, ``"kl"`` or ``"ratio"``.

        Raises:
            ConfigurationError: There is no such completion or quantity.
        """
        rows, colours = self._coloured(completion, color)
        shades = _css(colours.to_rgba(self[color][rows]))
        table = list(self)
        tokens = "".join(
            f'<span class="token" style="background:{shade};color:{_ink(shade)}" title="{_tooltip(table[row])}">'
            f"{html.escape(_visible(self.labels[row]))}</span>"
            for row, shade in zip(rows, shades, strict=True)
        )
        low, high = colours.get_clim()
        gradient = ", ".join(_css(colours.cmap(np.linspace(0, 1, 9))))
        page = PAGE.format(
            title=html.escape(self._title(completion)),
            prompt=html.escape(self.prompts[completion]),
            tokens=tokens,
            gradient=gradient,
            low=f"{low:.3g}",
            high=f"{high:.3g}",
            legend=html.escape(SCALES[color].legend),
        )
        Path(path).write_text(page, encoding="utf-8", errors="backslashreplace")  # a prompt's half of a surrogate pair

    def _coloured(self, completion: int, color: str) -> tuple[np.ndarray, ScalarMappable]:
        """The rows of a completion, and the colours of a quantity over it."""
        from matplotlib.cm import ScalarMappable

        known = [name for name in SCALES if name in self.columns]
        if color not in known:
            raise ConfigurationError(f"color is {color!r}. Choose one of {', '.join(known)}.")
        rows = np.flatnonzero(self["completion"] == completion)
        if not len(rows):
            raise ConfigurationError(
                f"completion is {completion!r}, and the rollout has {len(self.prompts)}: give an integer from 0 to "
                f"{len(self.prompts) - 1}."
            )
        scale = SCALES[color]
        return rows, ScalarMappable(scale.norm(self[color][rows]), scale.colour_map)

    def _title(self, completion: int) -> str:
        first = {
            name: column[int(np.argmax(self["completion"] == completion))] for name, column in self.columns.items()
        }
        where = (
            f"group {first['group']}" if "group" in first else f"environment {first['env']}, from step {first['step']}"
        )
        return f"Completion {completion} of the rollout ({where})"


def inspect_rollout(model: OnPolicyAlgorithm) -> RolloutTable:
    """Every token of the last rollout.

    Call it after ``learn``, or from a callback's ``on_rollout_end``, where every ratio is 1.

    Args:
        model: A stock algorithm of SB3, PPO, A2C, TRPO and the like, with `SequenceRolloutBuffer`; or one that learns
            from whole episodes, an `EpisodeAlgorithm`.

    Returns:
        A table with one row for each token.

    Raises:
        ConfigurationError: The model has another buffer, or no rollout yet.
    """
    buffer: Any = getattr(model, "rollout_buffer", None)
    if isinstance(model, EpisodeAlgorithm):
        whole = buffer is not None
    elif isinstance(buffer, SequenceRolloutBuffer):
        whole = buffer.full
    else:
        raise ConfigurationError(
            f"inspect_rollout reads a SequenceRolloutBuffer, and this model has {type(buffer).__name__}: "
            "give the algorithm rollout_buffer_class=SequenceRolloutBuffer."
        )
    env = model.get_env()
    if env is None or not whole:
        raise ConfigurationError("The model has no rollout yet: call model.learn(...) first.")
    (tokenizer,) = env.get_attr("tokenizer", [0])
    places, arrays, prompts = _of_episodes(model) if isinstance(model, EpisodeAlgorithm) else _of_fragments(buffer)
    ids = np.split(arrays.pop("token_id"), np.flatnonzero(np.diff(places["completion"])) + 1)  # of each completion
    pieces = [piece for tokens in ids for piece in tokenizer.pieces(tokens.tolist())]
    labels = [label for tokens in ids for label in token_labels(tokenizer, tokens.tolist())]
    columns = {**places, "token": np.array(pieces, dtype=object), "token_id": np.concatenate(ids), **arrays}
    return RolloutTable(columns, [tokenizer.decode(prompt.tolist()) for prompt in prompts], labels)


Parts = tuple[dict[str, np.ndarray], dict[str, np.ndarray], list[np.ndarray]]  # where, what (N,), and prompts' ids


def _of_fragments(buffer: SequenceRolloutBuffer) -> Parts:
    """The tokens of a buffer, one part of an episode after another."""
    fragments, policy = buffer.fragments, buffer.policy
    assert policy is not None
    lengths = [len(fragment) for fragment in fragments]
    step = np.concatenate([np.arange(fragment.start, fragment.stop) for fragment in fragments])
    env = np.repeat([fragment.env for fragment in fragments], lengths)
    log_ratio = buffer.log_probs_of(policy.log_prob) - buffer.log_probs
    kl = buffer.log_probs - buffer.reference_log_probs
    arrays = {
        "token_id": buffer.actions,
        "reward": buffer.environment_rewards,
        "kl": kl,
        "price": -(buffer.beta if buffer.kl is not None else 0.0) * kl,
        "log_prob": buffer.log_probs,
        "reference_log_prob": buffer.reference_log_probs,
        "value": buffer.values,
        "advantage": buffer.advantages,
        "return": buffer.returns,
        "ratio": _ratio(log_ratio),
    }
    places = {"completion": np.repeat(np.arange(len(fragments)), lengths), "env": env, "step": step}
    of_tokens = {name: array[step, env] for name, array in arrays.items()}
    return places, of_tokens, [fragment.prefix for fragment in fragments]


def _of_episodes(model: EpisodeAlgorithm) -> Parts:
    """The tokens of whole episodes, one after another."""
    rollout: Completions = model.rollout_buffer
    episodes, lengths = rollout.episodes, rollout.lengths
    completion = np.repeat(np.arange(len(episodes)), lengths)
    starts = [episode.info["prompt_length"] for episode in episodes]
    kl = rollout.log_probs - rollout.reference_log_probs
    reward = np.zeros_like(kl)
    reward[np.cumsum(lengths) - 1] = [episode.score for episode in episodes]
    arrays = {
        "token_id": np.concatenate([e.tokens[start:] for e, start in zip(episodes, starts, strict=True)]),
        "reward": reward,
        "kl": kl,
        "price": -rollout.prices.numpy(),
        "log_prob": rollout.log_probs,
        "reference_log_prob": rollout.reference_log_probs,
        "advantage": rollout.advantages.numpy(),
        "return": rollout.returns.numpy(),
        "ratio": _ratio(rollout.log_probs_of(model.policy.log_prob) - rollout.log_probs),
    }
    step = np.concatenate([np.arange(length) for length in lengths])
    places = {"completion": completion, "group": completion // model.group_size, "step": step}
    return places, arrays, [e.tokens[:start] for e, start in zip(episodes, starts, strict=True)]


def _ratio(log_ratio: np.ndarray) -> np.ndarray:
    return np.exp(np.clip(log_ratio, -20, 20))


def _visible(label: str) -> str:
    """Spaces as signs, too."""
    return label.replace(" ", "·")


def _css(colours: np.ndarray) -> list[str]:
    """``#rrggbb`` of colours in [0, 1], (n, 4)."""
    return ["#" + bytes(row[:3]).hex() for row in (colours * 255).round().astype(np.uint8)]


def _ink(background: str) -> str:
    """Black or white, whichever can be read on it."""
    red, green, blue = bytes.fromhex(background[1:])
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 128 else "white"


def _tooltip(row: dict[str, Any]) -> str:
    shown = {name: f"{value:.4g}" if isinstance(value, float) else repr(value) for name, value in row.items()}
    return html.escape("\n".join(f"{name}: {value}" for name, value in shown.items()))


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 16px/1.7 sans-serif; max-width: 60em; margin: 2em auto; }}
.text {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
.prompt {{ color: dimgrey; }}
.token {{ unicode-bidi: isolate; border-right: 1px solid white; }}
.legend {{ width: 20em; height: 1em; background: linear-gradient(to right, {gradient}); }}
.ends {{ width: 20em; display: flex; justify-content: space-between; }}
</style>
<h1>{title}</h1>
<p class="text"><span class="prompt">{prompt}</span>{tokens}</p>
<p>{legend}</p>
<div class="legend"></div>
<div class="ends"><span>{low}</span><span>{high}</span></div>
</html>
"""
