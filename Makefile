# One virtual environment, .venv, for everything; every target may be run again at any time.
# Paths are relative, so that the folder may have any name.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Says what a long step does and about how long it takes. Shows its output only if it fails.
STEP := .ci/step.py
RUST_SOURCES := $(wildcard strategies/rust/Cargo.*) $(shell find strategies/rust/src -name '*.rs')

ASV := $(BIN)/asv
# Only the main environment of asv.conf.json. Without it, asv run uses the older libraries too.
ASV_MAIN = virtualenv:$(shell $(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
# asv keeps a description of this machine there. Written once, without questions.
ASV_MACHINE = test -e ~/.asv-machine.json || $(ASV) machine --yes
# What is measured: make asv COMMITS=v1..main, make asv BENCH='warm.*rust'
COMMITS ?= HEAD^!
BENCH ?= .
# Where make matrix finds datasets, tokenizers and templates, and more options for it.
REAL ?= ../shared/real
MATRIX ?=
# Through the environment, so that quotes in them reach asv unchanged.
export COMMITS BENCH
ASV_QUICK := --bench 'correctness|repetition' --bench "warm.*, 1, 'agentic'"

# Where make peers puts tokenizers 1.0. asv's own environments find it by this.
PEERS := .venv-peers
export ISL_BENCH_TOKENIZERS_1 ?= $(CURDIR)/$(PEERS)/bin/python

# Where make check-servers puts servers that others wrote. Other Pythons may have vLLM and Dynamo:
# ISL_BENCH_VLLM=.../bin/python ISL_BENCH_DYNAMO=.../bin/python make check-servers
SERVERS := .venv-servers
export ISL_BENCH_SERVERS ?= $(CURDIR)/$(SERVERS)/bin/python

# How long make fuzz searches, and what else it is told: make fuzz FUZZ='--seed 7 --peers'
SECONDS ?= 600
FUZZ ?= --resume

.PHONY: help setup compare compare-quick matrix test test-matrix test-signals fuzz bench asv asv-quick asv-libraries \
	asv-demo dashboard notebooks docs wheel wheel-check peers check-servers lint format lock clean

help:
	@echo "make compare        set up, then compare all strategies on the bundled sample"
	@echo "make compare-quick  the same with a small sample and few rounds"
	@echo "make matrix         compare real tokenizers with real templates, and write the page"
	@echo "make test           set up, then run the tests"
	@echo "make test-matrix    test every real tokenizer on every real dataset, if they are there"
	@echo "make test-signals   send hundreds of random signals to count and compare (half an hour)"
	@echo "make fuzz           search for prompts that are counted wrongly (10 minutes, or SECONDS=...)"
	@echo "make bench          time the strategies, and compare with the previous run"
	@echo "make asv            measure the current commit, or COMMITS=..., in a clean environment"
	@echo "make asv-quick      check the counts, call each strategy once, keep no result"
	@echo "make asv-libraries  measure the commit with older tokenizers and transformers, too"
	@echo "make asv-demo       slow one strategy down in a throw-away clone: asv must find it"
	@echo "make dashboard      publish the results of asv as web pages, and serve them"
	@echo "make notebooks      execute the notebooks, and write a page for each to results/notebooks"
	@echo "make docs           build the site of the documentation in results/docs"
	@echo "make wheel          build the wheel of this platform in results/wheels"
	@echo "make wheel-check    use the wheel in an empty environment, from another folder"
	@echo "make peers          make the environment of tokenizers 1.0, to compare with"
	@echo "make check-servers  test bench check against servers that others wrote (3 GB, 5 minutes)"
	@echo "make lint           ruff, mypy, zizmor, cargo fmt, cargo clippy"
	@echo "make format         apply ruff and cargo formatting"
	@echo "make lock           resolve requirements.lock again from pyproject.toml"
	@echo "make clean          remove .venv and build products"

# It says nothing if there is nothing to do.
setup: $(READY)
	@:

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@$(PYTHON) $(STEP) "Making the virtual environment $(VENV) (seconds)" $(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.dependencies: requirements.lock $(VENV)/.python
	@$(BIN)/python $(STEP) \
		"Installing $$(grep -c '^[a-z0-9].*==' requirements.lock) packages into $(VENV) (1 to 2 minutes)" \
		$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off \
		--require-hashes -r requirements.lock
	@touch $@

# An isolated build, in which pip brings maturin, and maturin brings Rust if there is none.
$(READY): pyproject.toml $(RUST_SOURCES) $(VENV)/.dependencies
	@$(BIN)/python $(STEP) \
		"Building the native core in release mode (2 to 5 minutes the first time)" \
		$(BIN)/python -m pip install --verbose --disable-pip-version-check --progress-bar off \
		--no-deps --editable .
	@touch $@

compare: $(READY)
	$(BIN)/bench compare --out results/bundled

compare-quick: $(READY)
	$(BIN)/bench compare --quick --out results/bundled-quick

test: $(READY)
	@if command -v cargo >/dev/null; then $(BIN)/python $(STEP) \
		"Building and running the unit tests in Rust (1 to 2 minutes the first time)" \
		cargo test --lib --manifest-path strategies/rust/Cargo.toml; \
	else echo "cargo is not on PATH (the build fetched its own): Rust unit tests skipped"; fi
	$(BIN)/python -m pytest -n auto --dist worksteal

test-matrix: $(READY)
	$(BIN)/python -m pytest tests/test_matrix.py -m matrix

# Datasets, tokenizers and templates of your own: make matrix REAL=FOLDER with folders of these names.
matrix: $(READY)
	$(BIN)/bench matrix $(wildcard $(REAL)/datasets/*.jsonl) \
		$(addprefix --tokenizer ,$(patsubst %/,%,$(wildcard $(REAL)/tokenizers/*/))) \
		--templates $(REAL)/templates --on-error skip --out results/matrix $(MATRIX)

test-signals: $(READY)
	$(BIN)/python -m pytest tests/test_signals.py -m attack -s

fuzz: $(READY)
	$(BIN)/bench fuzz --seconds $(SECONDS) --out results/fuzz $(FUZZ)

bench: $(READY)
	@mkdir -p results
	$(BIN)/python -m pytest tests/test_speed.py -m "" --benchmark-enable --benchmark-autosave \
		--benchmark-compare --benchmark-columns=median,iqr,rounds --benchmark-sort=name \
		--benchmark-json=results/speed.json $(if $(filter .,$(BENCH)),,-k "$$BENCH")

# The checks of the counts are always added to the chosen benchmarks.
asv: $(READY)
	@$(ASV_MACHINE)
	$(ASV) run -E $(ASV_MAIN) --record-samples --bench "$$BENCH" --bench '^correctness' "$$COMMITS"
	$(BIN)/bench history --newest

asv-quick: $(READY)
	@$(ASV_MACHINE)
	$(ASV) run -E $(ASV_MAIN) --quick --dry-run $(ASV_QUICK) "$$COMMITS"

asv-libraries: $(READY)
	@$(ASV_MACHINE)
	$(ASV) run --record-samples --bench "correctness|warm.*, 1, 'agentic'" "$$COMMITS"

asv-demo: $(READY)
	@$(ASV_MACHINE)
	$(BIN)/python -m bench.recorded.demo

dashboard: $(READY)
	$(BIN)/bench dashboard

# The notebook of a report shows the bundled one, or that of make notebooks REPORT=...
notebooks: $(READY)
	$(BIN)/python -m bench.notebook notebooks --out results/notebooks \
		$(if $(REPORT),--set REPORT=$(REPORT)) $(if $(EFFORT),--set EFFORT=$(EFFORT))

peers: $(PEERS)/.ready
	@:

# tokenizers 1.0 cannot stand beside the tokenizers that the reference needs.
$(PEERS)/.ready: requirements-peers.lock $(READY)
	@$(BIN)/python $(STEP) "Making the environment $(PEERS) (seconds)" $(BIN)/python -m venv $(PEERS)
	@$(BIN)/python $(STEP) "Installing tokenizers 1.0 into $(PEERS) (seconds)" \
		$(PEERS)/bin/python -m pip install --disable-pip-version-check --progress-bar off \
		--require-hashes -r requirements-peers.lock
	@touch $@

check-servers: $(SERVERS)/.ready
	$(BIN)/python -m pytest tests/test_check_servers.py -m servers

# They need PyTorch, which nothing else here does.
$(SERVERS)/.ready: requirements-servers.lock $(READY)
	@$(BIN)/python $(STEP) "Making the environment $(SERVERS) (seconds)" $(BIN)/python -m venv $(SERVERS)
	@$(BIN)/python $(STEP) "Installing servers and PyTorch into $(SERVERS) (minutes, 3 GB)" \
		$(SERVERS)/bin/python -m pip install --disable-pip-version-check --progress-bar off \
		--require-hashes -r requirements-servers.lock
	@touch $@

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/zizmor --quiet --offline --strict-collection .github
	@if command -v cargo >/dev/null; then set -x; \
	cargo fmt --manifest-path strategies/rust/Cargo.toml --check && \
	cargo clippy --quiet --manifest-path strategies/rust/Cargo.toml --all-targets -- -D warnings; \
	else echo "cargo is not on PATH (the build fetched its own): Rust was not linted"; fi

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cargo fmt --manifest-path strategies/rust/Cargo.toml

# A link that leads nowhere is an error.
docs: $(READY)
	$(BIN)/python -m sphinx --builder html --quiet --fail-on-warning --keep-going --fresh-env docs results/docs
	@echo "results/docs/index.html"

# The core is the one that make setup has built, linked into another file.
wheel: $(READY)
	@rm -rf results/wheels
	@$(BIN)/python $(STEP) "Building the wheel (seconds, or 2 to 5 minutes)" \
		$(BIN)/python -m pip wheel --verbose --disable-pip-version-check --progress-bar off \
		--no-deps --wheel-dir results/wheels .
	@ls results/wheels/*.whl

wheel-check: wheel
	@$(BIN)/python .ci/release.py
	$(BIN)/python .ci/check_wheel.py --borrow results/wheels/*.whl

lock: $(VENV)/.python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8'
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes \
		--custom-compile-command 'make lock' pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--custom-compile-command 'make lock' requirements-peers.in -o requirements-peers.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--custom-compile-command 'make lock' requirements-servers.in -o requirements-servers.lock

clean:
	rm -rf $(VENV) $(PEERS) $(SERVERS) .asv strategies/rust/target strategies/*.so results
