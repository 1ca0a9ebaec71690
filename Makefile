# What this repository can do, one target each; `make help` lists them.
# A machine needs Python 3.11 or newer and make, nothing else: every target first makes .venv from requirements.lock.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

# pyright comes with its wheel and runs on the node of another: nothing is fetched by address, no newer version looked for.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo demo-clean up down test faults soak fuzz check check-format check-lint check-mypy check-pyright check-imports bench bench-full bench-guard screenshots docs dashboards format lock lock-peers hooks clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s%s\n", $$1, $$2 }' Makefile
	@echo "  ARGS=… is handed on, as in: make test ARGS=tests/stream"

demo: $(READY) ## see it work: git history and a generated company through Kafka and ClickHouse into reports
	@$(BIN)/trailhouse demo $(ARGS)

demo-clean: $(READY) ## stop the demo and remove its state
	@$(BIN)/trailhouse down --data .demo >/dev/null 2>&1 || true
	rm -rf .demo

up: $(READY) ## start the local stack in the foreground (ARGS=--detach to leave it running)
	@$(BIN)/trailhouse up $(ARGS)

down: $(READY) ## stop the local stack; its data stay
	@$(BIN)/trailhouse down $(ARGS)

# All of them in two processes, each with a broker and an engine of its own; much of their time is waiting for what died.
test: $(READY) ## run the tests, on a real Kafka and the real ClickHouse engine
	@$(BIN)/pytest $(or $(ARGS),--numprocesses=2 --dist=loadfile --no-loadscope-reorder)

faults: $(READY) ## kill everything, hundreds of times; prints its seed (ARGS="--seed N" replays it)
	@$(BIN)/pytest -m faults $(ARGS)

soak: $(READY) ## the local stack under load while a process dies every 20 s (ARGS="--minutes N", 20 by default)
	@$(BIN)/python -m tests.faults.soak $(ARGS)

fuzz: $(READY) ## feed a million mutated records to the stream's functions (ARGS=--seed=N: the same ones again)
	@$(BIN)/python -m tests.fuzz $(ARGS)

check: check-format check-lint check-imports check-mypy check-pyright ## formatting, lint, import contracts, types

check-format: $(READY)
	$(BIN)/ruff format --check

check-lint: $(READY)
	$(BIN)/ruff check

check-imports: $(READY)
	$(BIN)/lint-imports

check-mypy: $(READY)
	$(BIN)/mypy

check-pyright: $(READY)
	$(BIN)/pyright

format: $(READY) ## format the code and mend what ruff can mend
	$(BIN)/ruff check --fix --exit-zero --quiet
	$(BIN)/ruff format

bench: $(READY) ## measure, side by side with the peers of each part
	@$(BIN)/python -m bench $(ARGS)

bench-full: $(READY) ## measure everything with five runs each, profiles and curves included; takes hours on a machine of its own
	@$(BIN)/python -m bench --profile worker,sink,clickhouse --events 1000000
	@$(BIN)/python -m bench --full $(ARGS)

bench-guard: $(READY) ## a short run; fails when a ratio is more than 15 % worse than the committed one
	@$(BIN)/python -m bench --guard --runs 3 $(ARGS)

screenshots: $(READY) ## take the pictures of README and docs anew, of a simulated company (needs Chromium)
	@$(BIN)/python -m bench.looks.pictures

docs: $(READY) ## write the generated pages of docs/ anew
	$(BIN)/python -m trailhouse.deploy.reference docs

dashboards: $(READY) ## write Grafana's dashboards anew from the reports
	$(BIN)/python -m trailhouse.deploy.dashboards deploy/grafana/dashboards

lock: $(READY) ## resolve the dependencies anew into requirements.lock (ARGS=--upgrade for the newest versions)
	$(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --all-extras --group dev \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	  --output-file requirements.lock $(ARGS)
	$(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --group image \
	  --extra stream --extra sinks --extra queries --extra outbox --extra otel --extra s3 --extra parquet --constraint requirements.lock \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	  --output-file deploy/requirements.lock $(ARGS)

lock-peers: $(READY) ## resolve the dependencies of the benchmark's peers anew, each into a lock of its own (ARGS as for lock)
	@for each in $(or $(PEER),$(wildcard bench/peers/*/requirements.in) bench/profiles/requirements.in); do \
	  $(BIN)/uv pip compile $$each --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links --output-file $${each%.in}.lock $(ARGS) || exit 1; \
	done

hooks: $(READY) ## run the checks before every commit and push
	$(BIN)/pre-commit install --hook-type pre-commit --hook-type pre-push

clean: ## remove .venv, caches and built files; state folders stay
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -not -path "./.git/*" -prune -exec rm -rf {} +

# The lock's own uv installs the rest several times faster than pip. It does not read pip's configuration, so where only
# pip knows the way to the packages, pip installs them.
$(READY): requirements.lock pyproject.toml
	@python=; for each in "$(PYTHON)" python3 python3.13 python3.12 python3.11; do \
	  if "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$each; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "error: no Python 3.11 or newer found ($$($(PYTHON) --version 2>&1 || echo 'no $(PYTHON)'))" >&2; \
	  echo "hint: install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	if [ ! -x $(BIN)/python ] || ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "error: $$python cannot make virtual environments: its modules venv and ensurepip are missing" >&2; \
	    echo "hint: on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; \
	  fi; \
	  "$$python" -m venv --clear $(VENV) || exit 1; \
	fi
	@echo "installing the locked packages into $(VENV) (once; some 500 MB to fetch)" >&2
	@sed -n '/^uv==/,/^[^ ]/{/^uv==/p;/^ /p;}' requirements.lock > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement $(VENV)/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements.lock \
	  || $(BIN)/python -m pip install --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --no-index --editable .
	@touch $@
