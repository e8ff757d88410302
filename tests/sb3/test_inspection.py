"""A rollout, token by token."""

import html
import re

import matplotlib as mpl
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from textgym.errors import ConfigurationError
from textgym.sb3 import GRPO, REINFORCE, KLControl, TextVecEnv, TransformerPolicy, inspect_rollout


class Episodes(BaseCallback):
    """Keeps the infos of the episodes that ended in the last rollout, and its table before the update."""

    def __init__(self):
        super().__init__()
        self.infos = []

    def _on_step(self):
        self.infos += [info for info in self.locals["infos"] if "episode" in info]
        return True

    def _on_rollout_start(self):
        self.infos.clear()

    def _on_rollout_end(self):
        self.table = inspect_rollout(self.model)


@pytest.fixture(scope="module")
def run():
    """A trained model with its callback, once."""
    from textgym.sb3 import SequenceRolloutBuffer, TransformerPolicy

    env = TextVecEnv("TextGen-Sentiment-v0", 6, max_new_tokens=12, split="validation")
    model = PPO(
        TransformerPolicy, env, n_steps=24, batch_size=48, n_epochs=1, gamma=1.0, gae_lambda=0.95, learning_rate=1e-4,
        rollout_buffer_class=SequenceRolloutBuffer, rollout_buffer_kwargs={"kl": KLControl(0.3)}, seed=0, device="cpu",
    )  # fmt: skip
    callback = Episodes()
    model.learn(2 * 144, callback=callback)  # in the second rollout the policy has left its reference
    return model, callback


@pytest.fixture
def table(run):
    return inspect_rollout(run[0])


def episode_algorithm(algorithm=GRPO, **changes):
    env = TextVecEnv("TextGen-Sentiment-v0", 6, max_new_tokens=12, split="validation")
    keywords = {"n_prompts": 3, "group_size": 2, "learning_rate": 1e-3, "kl": KLControl(0.3), "seed": 0, **changes}
    return algorithm(TransformerPolicy, env, device="cpu", policy_kwargs={"warmup_steps": 0}, **keywords)


@pytest.fixture(scope="module")
def whole():
    """A model that learns from whole episodes, with its callback, once."""
    model, callback = episode_algorithm(), Episodes()
    model.learn(73, callback=callback)  # more than a rollout can have: two, as above
    assert model._n_updates == 2
    return model, callback


def test_every_token_once_where_the_buffer_has_it(run, table):
    buffer = run[0].rollout_buffer
    assert sorted(zip(table["step"], table["env"], strict=True)) == [(t, e) for t in range(24) for e in range(6)]
    where = table["step"], table["env"]
    for name, array in {
        "token_id": buffer.actions, "value": buffer.values, "advantage": buffer.advantages, "return": buffer.returns,
        "log_prob": buffer.log_probs, "reference_log_prob": buffer.reference_log_probs,
    }.items():  # fmt: skip
        assert np.array_equal(table[name], array[where])
    assert np.allclose(table["reward"] + table["price"], buffer.rewards[where], atol=1e-6)


def test_rewards_without_the_price_add_up_to_the_episodes_returns(run, table):
    returns = [info["episode"]["r"] for info in run[1].infos]
    totals = [table["reward"][table["completion"] == k].sum() for k in range(len(table.prompts))]
    assert len(returns) > 6
    assert np.allclose(sorted(total for total in totals if total), sorted(filter(None, returns)), atol=1e-6)
    assert np.allclose(table["price"], -0.3 * (table["log_prob"] - table["reference_log_prob"]), atol=1e-6)
    assert np.abs(table["price"]).max() > 1e-3


def test_texts_are_those_of_the_episodes(run, table):
    texts = {prompt + "".join(table["token"][table["completion"] == k]) for k, prompt in enumerate(table.prompts)}
    assert {info["prompt"] + info["completion"] for info in run[1].infos} <= texts


def test_ratio_is_1_before_an_update_and_not_after_it(run, table):
    assert np.allclose(run[1].table["ratio"], 1, atol=1e-4)
    assert np.abs(table["ratio"] - 1).max() > 1e-3


def test_inspecting_changes_nothing(run):
    model, _ = run
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - what SB3 draws minibatches with
    before = {name: value.clone() for name, value in model.policy.state_dict().items()}
    inspect_rollout(model)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    assert all((before[name] == value).all() for name, value in model.policy.state_dict().items())


def test_it_prints_a_page_and_iterates_over_dicts(table):
    lines = repr(table).splitlines()
    assert 20 < len(lines) < 30 and max(map(len, lines)) <= 140
    assert "20 of 144 tokens" in lines[-1]
    rows = list(table)
    assert len(rows) == len(table) == 144 and rows[3]["token_id"] == table["token_id"][3]


@pytest.mark.parametrize("color", ["advantage", "value", "kl", "ratio"])
def test_pictures_and_pages_show_every_token(table, color, tmp_path):
    backend = mpl.rcParams["backend"]
    table.to_png(tmp_path / "a.png", completion=2, color=color)
    table.to_html(tmp_path / "a.html", completion=2, color=color)
    assert mpl.rcParams["backend"] == backend
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    tokens = re.findall(r'<span class="token"[^>]*>([^<]*)</span>', page)
    labels = [label for label, k in zip(table.labels, table["completion"], strict=True) if k == 2]
    assert [html.unescape(token).replace("·", " ") for token in tokens] == labels
    assert not re.search(r"(src|href)=", page), "one file"


def test_text_that_looks_like_a_page_is_escaped(table, tmp_path):
    table.labels[0], table["token"][0], table.prompts[0] = "<script>", '"><script>', "<b>{x}</b> \ud800"
    table.to_html(tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<script" not in page and "<b>" not in page and "&lt;b&gt;{x}" in page
    table.to_png(tmp_path / "a.png")


def test_colours_say_more_and_less(table, tmp_path):
    rows = table["completion"] == 2
    table.columns["advantage"] = np.where(rows, np.linspace(-1, 1, len(table)), 0)
    table.to_html(tmp_path / "a.html", completion=2)
    shades = re.findall(r"background:#(..)(..)..;", (tmp_path / "a.html").read_text(encoding="utf-8"))
    first, last = ([int(part, 16) for part in shade] for shade in (shades[0], shades[-1]))
    values = table["advantage"][rows]
    assert (first[0] > first[1]) == (values[0] < 0) and (last[0] < last[1]) == (values[-1] > 0), "red and green"


def test_what_cannot_be_inspected_is_said(make_ppo, table, tmp_path):
    with pytest.raises(ConfigurationError, match="no rollout yet"):
        inspect_rollout(make_ppo())
    with pytest.raises(ConfigurationError, match="rollout_buffer_class"):
        inspect_rollout(make_ppo(rollout_buffer_class=None))
    with pytest.raises(ConfigurationError, match="advantage, value, kl, ratio"):
        table.to_png(tmp_path / "a.png", color="reward")
    for completion in (-1, 99):
        with pytest.raises(ConfigurationError, match="an integer from 0 to"):
            table.to_html(tmp_path / "a.html", completion=completion)
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------ algorithms that learn from whole episodes


def test_every_token_of_whole_episodes_once_in_their_order(whole):
    model, table = whole[0], inspect_rollout(whole[0])
    rollout = model.rollout_buffer
    assert len(table) == len(rollout.log_probs) == rollout.lengths.sum()
    for k, episode in enumerate(rollout.episodes):
        rows = table["completion"] == k
        assert np.array_equal(table["token_id"][rows], episode.tokens[episode.info["prompt_length"] :])
        assert np.array_equal(table["step"][rows], np.arange(rollout.lengths[k]))
        assert set(table["group"][rows]) == {k // 2}
        assert table["reward"][rows].tolist() == pytest.approx([0.0] * (rollout.lengths[k] - 1) + [episode.score])
        assert table.prompts[k] + "".join(table["token"][rows]) == episode.info["prompt"] + episode.info["completion"]
    assert np.array_equal(table["advantage"], rollout.advantages) and "value" not in table.columns


@pytest.mark.parametrize("kl_in", ["reward_to_go", "reward_sum", "loss_k3"])
def test_returns_of_whole_episodes_are_the_score_less_the_prices(kl_in):
    """In the loss the divergence has its price, too, and the return knows nothing of it."""
    model = episode_algorithm(REINFORCE, kl_in=kl_in, n_epochs=1)
    model.learn(73)
    table = inspect_rollout(model)
    price = -0.3 * (table["log_prob"] - table["reference_log_prob"])
    assert np.abs(price).max() > 1e-3
    assert np.allclose(table["price"], 0 if kl_in == "loss_k3" else price, atol=1e-6)
    for k in range(6):
        own = table["completion"] == k
        paid = table["reward"][own] + table["price"][own]
        expected = paid[::-1].cumsum()[::-1] if kl_in == "reward_to_go" else np.full(len(paid), paid.sum())
        assert table["return"][own] == pytest.approx(expected, abs=1e-5)


def test_ratio_of_whole_episodes_is_1_before_an_update_and_not_after_it(whole):
    assert np.allclose(whole[1].table["ratio"], 1, atol=1e-4)
    assert np.abs(inspect_rollout(whole[0])["ratio"] - 1).max() > 1e-2


@pytest.mark.parametrize("color", ["advantage", "kl", "ratio"])
def test_whole_episodes_have_pictures_and_pages(whole, color, tmp_path):
    table = inspect_rollout(whole[0])
    table.to_png(tmp_path / "a.png", completion=3, color=color)
    table.to_html(tmp_path / "a.html", completion=3, color=color)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert len(re.findall(r'<span class="token"', page)) == (table["completion"] == 3).sum()
    assert "(group 1)" in page
    with pytest.raises(ConfigurationError, match="one of advantage, kl, ratio"):
        table.to_png(tmp_path / "a.png", color="value")


def test_whole_episodes_that_are_not_played_yet_are_said():
    with pytest.raises(ConfigurationError, match="no rollout yet"):
        inspect_rollout(episode_algorithm())
