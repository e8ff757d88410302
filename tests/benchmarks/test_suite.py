"""A suite says what is wrong with it before anything runs; its results are known by the code that made them."""

import pytest

from benchmarks.suite import code_hash, load_suite, published
from textgym.errors import ConfigurationError

SUITE = """
env_ids = ["TextGen-Sentiment-v0"]
seeds = [0, 1]
split = "test"
num_examples = 4
num_envs = 3
reference = "textgym-tiny"
gold = "length"
zero = "random"
one = "reference"
agents = [{ name = "random" }, { name = "reference" }]
report = { before = "random", after = "reference", examples = 2 }
"""


@pytest.fixture
def load(tmp_path):
    """Load the suite with one text for another."""

    def load(old="", new=""):
        assert old in SUITE
        (tmp_path / "small.toml").write_text(SUITE.replace(old, new) if old else SUITE)
        return load_suite(str(tmp_path / "small.toml"))

    return load


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('zero = "random"', 'zero = "randon"', "zero: Unknown agent 'randon'. Did you mean 'random'?"),
        ('one = "reference"', 'one = "oracle"', "one: Unknown agent 'oracle'"),
        ('before = "random"', 'before = "ppo"', "report.before: Unknown agent 'ppo'"),
        ('after = "reference"', 'after = "ppo"', "report.after: Unknown agent 'ppo'"),
        ('after = "reference", ', "", "'after'"),
        ("examples = 2", "examples = -1", "report.examples is -1"),
        ("num_examples = 4", 'num_examples = "all"', "num_examples is 'all'"),
        ("num_envs = 3", "num_envs = 0", "num_envs is 0"),
        ("seeds = [0, 1]", "seeds = []", "no seeds"),
        ("seeds = [0, 1]", "seeds = [0, 0]", "0 twice among its seeds"),
        ("seeds = [0, 1]", "seeds = [0, -1]", r"seeds\[1\] is -1"),
        ('["TextGen-Sentiment-v0"]', "[]", "no env_ids"),
        ('[{ name = "random" }, { name = "reference" }]', "[]", "no agents"),
        ('{ name = "reference" }', '{ name = "reference", total_tokens = "1k" }', "total_tokens of reference is '1k'"),
        ("num_envs = 3", "num_envs = ", "small.toml is no suite"),
        ("num_envs = 3", "number = 3", "small.toml is no suite"),
    ],
)
def test_a_bad_suite_is_refused_when_it_is_loaded(load, old, new, message):
    # the report, which comes after hours of runs, would be the first to stumble over most of these
    load()
    with pytest.raises(ConfigurationError, match=message):
        load(old, new)


def test_the_code_hash_covers_what_makes_a_run(tmp_path):
    files = [tmp_path / name for name in ("textgym/__init__.py", "textgym/sb3/policy.py", "agents/_replay.py")]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("pass")
    hashes = [code_hash(tmp_path)]
    (tmp_path / "textgym" / "README.md").write_text("text")
    (tmp_path / "test.py").write_text("pass")
    assert code_hash(tmp_path) == hashes[0]
    for path in files:
        path.write_text("edited")
        hashes.append(code_hash(tmp_path))
    files[1].rename(files[1].with_name("other.py"))
    hashes.append(code_hash(tmp_path))
    assert len(set(hashes)) == 5


def test_published_results_are_found_by_name(load, tmp_path):
    # by the hash of the code at hand, an edited comment would empty the published board
    suite = load()
    folder = tmp_path / "small" / "TextGen-Sentiment-v0" / "reference"
    (folder / "any").mkdir(parents=True)
    (folder / "any" / "seed-001.json").touch()
    found = [cell.path for cell in published(suite, tmp_path) if cell.path.exists()]
    assert found == [folder / "any" / "seed-001.json"]
    assert [(cell.agent.name, cell.seed) for cell in published(suite, tmp_path)] == [
        ("random", 0), ("random", 1), ("reference", 0), ("reference", 1)
    ]  # fmt: skip
    (folder / "newer").mkdir()
    (folder / "newer" / "seed-001.json").touch()
    with pytest.raises(ConfigurationError, match=r"reference .* seed 1, has 2 results: .*any.seed-001.json.*newer"):
        published(suite, tmp_path)
