"""A suite says what is wrong with it before anything runs; its results are known by the code that made them."""

import pytest

from benchmarks import suite
from benchmarks.suite import code_hash, configs, load_suite, published
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
        ("num_envs = 3", "number = 3", "small.toml is no suite: it has no num_envs. suites/quick.toml"),
        ("num_envs = 3", "num_envs = true", "num_envs is True"),
        ('split = "test"', "split = 1", "split is 1. Give a text."),
        ('["TextGen-Sentiment-v0"]', "[1]", r"env_ids\[0\] is 1"),
        ('gold = "length"', "gold = 1", "gold is 1"),
        ('gold = "length"', 'env_kwargs = { "x" = nan }', r"env_kwargs of the suite small\['x'\] is nan"),
        ('gold = "length"', "env_kwargs = 1", "env_kwargs is 1. Give a table."),
        ('name = "random" }', 'name = "random", file = 1 }', "Agent 'random': file is 1. Give a text."),
        ('name = "random" }', 'name = "random", overrides = 1 }', "overrides is 1"),
        ('name = "random" }', 'name = "random", overrides = { d = 2020-01-01 } }', "overrides of random.*date"),
        ('name = "random" }', 'name = 1, file = "random" }', "The agent's name is 1"),
        ('name = "random" }', 'name = "../random", file = "random" }', "The agent's name is '../random'"),
        ('name = "random" }', 'name = "/tmp/random", file = "random" }', "The agent's name is '/tmp/random'"),
        ('name = "random" }', 'name = ".", file = "random" }', r"The agent's name is '\.'"),
        ('name = "random" }', f'name = "{"a" * 256}", file = "random" }}', "at most 200"),
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


def test_the_identity_of_an_agent_is_its_code_and_its_parts(tmp_path, monkeypatch):
    agents = tmp_path / "agents"
    agents.mkdir()
    monkeypatch.setattr(suite, "AGENTS", agents)
    sources = {
        "mine": "from agents import first\nfrom agents._second import x\nversion = 3\n",
        "first": "import agents.third\n",
        "_second": "x = 1\n",
        "third": "y = 2\n",
        "other": "z = 3\n",
    }

    def entry(name="mine", old="", new=""):
        for file, source in sources.items():
            (agents / f"{file}.py").write_text(source.replace(old, new) if file == name and old else source)
        (agents / "another.py").write_text("an agent that was added")
        return suite.AgentEntry("mine")

    before = entry().source_hash
    assert entry().version == 3
    assert {path.stem for path in suite.parts(agents / "mine.py")} == {"mine", "first", "_second", "third"}
    assert entry("mine", "version", "# a comment\nversion").source_hash == before
    assert entry("first", "import", '"""Described."""\nimport').source_hash == before
    assert entry("other", "3", "4").source_hash == before
    changed = [
        entry(*change).source_hash for change in (("mine", "3", "4"), ("_second", "1", "2"), ("third", "2", "3"))
    ]
    assert len({before, *changed}) == 4
    with pytest.raises(ConfigurationError, match=r"mine\.py, line 3: version is 'a'"):
        _ = entry("mine", "3", "'a'").version


def test_what_defines_a_run_and_what_does_not(load):
    def config(old="", new=""):
        return configs(load(old, new), "TextGen-Sentiment-v0")[0]

    before = config()
    assert config('[{ name = "random" }', '[{ name = "random" }, { name = "zero_shot" }') == before  # another agent
    assert config("seeds = [0, 1]", "seeds = [2]") == before
    changes = [
        ('name = "random" }', 'name = "random", total_tokens = 5 }'),
        ('name = "random" }', 'name = "random", overrides = { n = 1 } }'),
        ("num_envs = 3", "num_envs = 4"),
        ("num_examples = 4", "num_examples = 5"),
        ('gold = "length"', 'gold = "vader"'),
        ('gold = "length"', 'env_kwargs = { prompt_template = "{prompt}!" }'),
    ]
    assert before not in [config(*change) for change in changes]


def test_published_results_are_found_by_name(load, tmp_path):
    # by the hash of the code at hand, an edited comment would empty the published board
    small = load()
    folder = tmp_path / "small" / "TextGen-Sentiment-v0" / "reference"
    (folder / "any").mkdir(parents=True)
    (folder / "any" / "seed-001.json").touch()
    found = [cell.path for cell in published(small, tmp_path) if cell.path.exists()]
    assert found == [folder / "any" / "seed-001.json"]
    assert [(cell.agent.name, cell.seed) for cell in published(small, tmp_path)] == [
        ("random", 0), ("random", 1), ("reference", 0), ("reference", 1)
    ]  # fmt: skip
    (folder / "newer").mkdir()
    (folder / "newer" / "seed-001.json").touch()
    with pytest.raises(ConfigurationError, match=r"reference .* seed 1, has 2 results: .*any.seed-001.json.*newer"):
        published(small, tmp_path)
