# `make help` lists what there is. All that is needed is Python 3.11 with venv and a package index.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
# Most tests of whole systems wait for a market or a deadline: three fill two cores.
WORKERS ?= 3
# The long tests wait longer.
PROVERS ?= 4
PYTEST = $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadgroup

# A stamp is named after what it stands for, so that nothing is installed twice and a changed lock
# or a clone that was moved (scripts of an environment hold its path) is never taken for installed.
key = $(shell cksum $(1) 2>/dev/null | cksum | cut -d ' ' -f 1)
MADE := $(VENV)/.made-$(shell printf %s '$(CURDIR)' | cksum | cut -d ' ' -f 1)
RUNTIME := $(VENV)/.runtime-$(call key,requirements.lock pyproject.toml)
DEV := $(VENV)/.dev-$(call key,requirements-dev.lock pyproject.toml)

# The demo strategy's key, as `mlrisk strategy key` makes it, where nothing is installed.
define DEMO_KEY
import hmac, sys
parts = b"mlrisk strategy key", b"demo-imbalance", b"1"
message = b"".join(b"%d:%s" % (len(part), part) for part in parts)
print("1:" + hmac.new(sys.stdin.buffer.read().strip(), message, "sha256").hexdigest(), end="")
endef
export DEMO_KEY

.PHONY: help run check unit test suite prove containers lint format schema docs bench lock secrets clean

help:  ## List the targets
	@sed -n 's/^\([a-z]*\):[^#]*## /\1 /p' Makefile | while read -r target text; do \
		printf '  make %-10s %s\n' "$$target" "$$text"; done

run: $(RUNTIME)  ## Install what is needed and start everything on this machine, with a demo strategy
	$(bytecode)
	@exec $(BIN)/mlrisk up --demo

check: $(DEV)  ## In about two minutes: style, types, contracts and unit tests
	@$(MAKE) --jobs 2 lint unit

unit: $(DEV)  ## The unit tests, which need no server
	$(bytecode)
	@exec $(PYTEST) tests/unit -m 'not long' $(PYTEST_ARGS)

test: $(DEV)  ## Install what is needed and test it: style, types, contracts, every capability
	@$(MAKE) --jobs 2 lint suite

suite: $(DEV)  ## The tests of `make test` alone
	$(bytecode)
	@exec $(PYTEST) -m 'not long' $(PYTEST_ARGS)

prove: $(DEV)  ## The long tests: whole matrices of kills and attacks, properties on many examples
	$(bytecode)
	@exec $(PYTEST) --numprocesses $(PROVERS) -m 'long or hypothesis' --hypothesis-profile prove $(PYTEST_ARGS)

containers: $(DEV)  ## The compose file in a real engine, as root: trades, scaling, kills, data kept
	@exec .ci/engine $(BIN)/python -m pytest tests/containers $(PYTEST_ARGS)

lint: $(DEV)  ## Style, types and the import contract, without tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports --no-logo

format: $(DEV)  ## Rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A test run starts hundreds of processes: what one has compiled the others read, also where the
# machine's setting forbids it.
unit suite prove: export PYTHONDONTWRITEBYTECODE :=

schema: $(DEV)  ## Write what is derived from the code: JSON Schema, base layer, pages of reference
	@$(BIN)/python -m config.published
	@$(BIN)/python -m workers.exporter.published
	@$(BIN)/python -m console.published

docs: $(DEV)  ## Build the documentation as a site in build/site; a link that leads nowhere fails
	@$(BIN)/python -m properdocs build --strict --clean --config-file mkdocs.yml
	@echo 'The site begins with build/site/index.html'

bench: $(DEV)  ## Measure enqueue to exchange-accepted on a small system of its own
	@exec $(BIN)/python -m benchmarks.pipeline_latency

lock: $(DEV)  ## Choose the newest versions that pyproject.toml allows and write both lock files
	$(call compile,requirements-dev.lock,--upgrade --group build --group dev)
	@# What runs is what was tested: the same versions, without the tools.
	$(call compile,requirements.lock,--upgrade --group build --constraints requirements-dev.lock)

secrets:  ## Generate the secrets and the .env of docker-compose.yml that are not there yet
	@# Containers run as users of their own: the directory keeps others out, not the files' modes.
	@mkdir -p secrets && chmod 700 secrets && cd secrets && umask 022; \
	random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }; \
	keep() { [ -s "$$1.txt" ] || { printf '%s' "$$2" > "$$1.txt"; echo "wrote secrets/$$1.txt"; }; }; \
	keep postgres_password "$$(random)"; \
	for user in redis redis_supervisor redis_demo; do keep "$${user}_password" "$$(random)"; done; \
	keep market_key "$$(random)"; \
	keep message_key "$$(random)"; \
	keep demo_key "$$($(PYTHON) -c "$$DEMO_KEY" < message_key.txt)"; \
	keep flower_login "mlrisk:$$(random)"; \
	keep grafana_password "$$(random)"; \
	keep alert_channels '# name level address, one channel a line (docs/alerts.md)'; \
	keep api_key paper-key; \
	keep api_secret paper-secret; \
	keep watchdog_api_key paper-watchdog-key; \
	keep watchdog_api_secret paper-watchdog-secret; \
	keep database_url \
		"postgresql+psycopg://mlrisk:$$(< postgres_password.txt)@postgres:5432/mlrisk"; \
	for purpose in owner application operator audit exporter viewer; do \
		keep "$${purpose}_database_url" "postgresql+psycopg://mlrisk_$$purpose:$$(random)@postgres:5432/mlrisk"; \
	done; \
	for user in worker feed beat flower exporter; do \
		keep "redis_$${user}_password" "$$(random)"; \
		url="redis://$$user:$$(< redis_$${user}_password.txt)@redis:6379"; \
		case $$user in worker) keep redis_url "$$url" ;; *) keep "redis_$${user}_url" "$$url" ;; esac; \
	done
	@[ -e .env ] || { echo 'COMPOSE_PROFILES=paper' > .env; echo 'wrote .env'; }

clean:  ## Remove the environment, caches and build products; a system's state is not touched
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@command -v $(PYTHON) >/dev/null || { echo 'Python 3.11 is needed, with venv; when it has \
	another name: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@echo 'Creating $(VENV)'
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(RUNTIME): | $(MADE)
	$(call install,requirements.lock)
	@touch $@

# The larger lock holds the smaller one's versions, so that it stands for both.
$(DEV): | $(MADE)
	$(call install,requirements-dev.lock)
	@touch $@ $(RUNTIME)

# pip is silent, or prints a line per file: a count is enough to see that it moves.
define install
	@echo 'Installing $(1), once: some minutes on a slow network'
	@PYTHONUNBUFFERED=1 $(BIN)/python -m pip install --disable-pip-version-check --no-input \
		--progress-bar off --require-hashes --requirement $(1) | { count=0; \
		while read -r verb _; do case $$verb in \
			Collecting | Processing) count=$$((count + 1)); \
				if ((count % 20 == 0)); then echo "  $$count packages fetched"; fi ;; \
			Installing) echo "  installing $$count packages" ;; \
		esac; done; }
	@# Newer pips pass on setuptools' advice about editable installs.
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-input --no-deps --no-build-isolation --editable .
endef

# Where Python may not keep what it compiles, each of a system's processes would compile every
# module; elsewhere all of them at once at the first start.
define bytecode
	@$(BIN)/python -m compileall -q config models bot paper_exchange tasks workers \
		console examples benchmarks tests/support
endef

define compile
	$(BIN)/uv pip compile pyproject.toml --quiet --all-extras --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --custom-compile-command 'make lock' $(2) --output-file $(1)
endef
