"""The measurement of the short list runs, and its agent learns what stock PPO is to learn."""

import json

from agents import shortlist_ppo
from benchmarks import shortlist
from textgym.evaluation import evaluate_agent


def test_rows_are_written(tmp_path):
    output = tmp_path / "shortlist.json"
    shortlist.main(
        ["--ids", "TextGen-Dialogue-v0", "--seeds", "0", "--tokens", "16", "--examples", "4", "--output", str(output)]
    )
    (row,) = json.loads(output.read_text())["measured"]
    assert row["environment"] == "TextGen-Dialogue-v0" and row["n examples"] == 4 and row["tokens"] >= 16
    assert all(0 <= row[name] <= 1 for name in ("reward", "reward before", "gold", "gold before"))


def test_stock_ppo_learns_over_a_short_list():
    """The share of a letter: choosing by chance scores less than .12, the three seeds that were tried .30 to .36."""

    def share_of_e(completions, **_):
        return [text.count("e") / max(len(text), 1) for text in completions]

    kwargs = {"reward_funcs": share_of_e, "max_new_tokens": 8}
    options = {"seed": 0, "num_examples": 100, "reference": None, "gold": None, "env_kwargs": kwargs}
    before, after = (
        shortlist_ppo.make_agent("TextGen-Sentiment-v0", seed=0, total_tokens=tokens, env_kwargs=kwargs)
        for tokens in (0, 8_000)
    )
    assert evaluate_agent(before, "TextGen-Sentiment-v0", **options).metrics["return"] < 0.12
    assert evaluate_agent(after, "TextGen-Sentiment-v0", **options).metrics["return"] > 0.25
