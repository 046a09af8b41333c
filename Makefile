# Every target sets up what it needs, even in a fresh clone. `make` lists the targets.
PYTHON ?= python3
RUN := .venv/bin/python
PIP_INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: -r

.DEFAULT_GOAL := help
.PHONY: help setup demo up test test-environment lint format backup restore fuzz mutate abuse audit lock chaos bench soak screenshots evaluate study calibrate-built-in clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## creates .venv, installs the packages and Chart.js, collects static files
	@$(PYTHON) scripts/set_up.py

demo: setup ## runs the whole stack with a simulated conference; Ctrl-C stops it
	@$(RUN) -m engagement_conductor.local_stack.stack --demo

up: setup ## runs the whole stack (ADMIN=name creates an admin; PORT, DATABASE_URL, REDIS_URL, DATA_DIR)
	@$(RUN) -m engagement_conductor.local_stack.stack $(if $(ADMIN),--admin "$(ADMIN)")

test: ## runs all tests (ARGS="-k name" for some; REQUIRE_ALL=1 fails if a requirement is missing)
	@$(MAKE) --no-print-directory -j2 setup test-environment
	@$(RUN) scripts/run_tests.py $(ARGS)

test-environment: ## installs TimescaleDB and Chromium for the tests (root on Debian)
	@$(PYTHON) scripts/debian.py

lint: setup ## runs ruff, mypy, import-linter, bandit
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check
	@$(RUN) -m mypy
	@.venv/bin/lint-imports
	@$(RUN) scripts/insecure_code.py

format: setup ## runs ruff's formatter and its safe fixes
	@$(RUN) -m ruff check --fix-only
	@$(RUN) -m ruff format

backup: setup ## writes the whole database to a new FILE=name, with the stack running or not
	@$(RUN) -m engagement_conductor.local_stack.with_servers back_up $(if $(FILE),"$(FILE)") $(ARGS)

restore: setup ## restores the database from FILE=name, with the stack stopped (ARGS=--replace)
	@$(RUN) -m engagement_conductor.local_stack.with_servers restore $(if $(FILE),"$(FILE)") $(ARGS)

fuzz: setup ## fuzzes the decoder, coverage-guided, for a minute (ARGS="-max_total_time=600")
	@$(PIP_INSTALL) requirements-fuzz.lock
	@$(RUN) -m tests.fuzzing.decoder $(ARGS)

mutate: setup ## changes the code in small ways and lists what no test notices (ARGS="watermark --minutes 30")
	@$(PIP_INSTALL) requirements-mutate.lock
	@$(RUN) scripts/with_servers.py scripts.mutate $(ARGS)

abuse: setup ## runs all attacks on the running product, with 10,000 connections of one user
	@ABUSE_CONNECTIONS=10000 $(MAKE) --no-print-directory test ARGS="tests/e2e/faults/test_greedy_clients.py \
		tests/e2e/pages/test_hostile_names.py tests/integration/test_abuse.py tests/integration/test_floods.py \
		tests/dashboard/test_urls.py tests/dashboard/test_access_methods.py tests/dashboard/http/test_middleware.py $(ARGS)"

audit: setup ## checks for insecure code, unpinned versions and vulnerable packages (queries the registries)
	@$(PIP_INSTALL) requirements-audit.lock
	@$(RUN) scripts/audit.py

lock: setup ## rewrites requirements*.lock (ARGS="--upgrade", ARGS="--upgrade-package NAME"; queries the registry)
	@$(PIP_INSTALL) requirements-audit.lock
	@$(RUN) scripts/lock.py $(ARGS)

chaos: setup ## injects faults into the whole stack for half an hour (ARGS="--act network", ARGS="redis")
	@$(RUN) -m tests.chaos $(ARGS)

bench: setup ## runs the benchmarks; writes benchmarks/results/latest.json (ARGS="NAME ...", ROWS=50000000)
	@$(if $(ROWS),ROWS=$(ROWS) )$(RUN) scripts/with_servers.py benchmarks $(ARGS)

soak: setup ## runs the whole product under load, with a verdict (MINUTES=20, ARGS="--sessions 10000 --rate 5000")
	@$(RUN) -m benchmarks.soak $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

screenshots: setup ## renders every page in every size and color scheme to screenshots/ (ARGS="NAME ...")
	@$(RUN) scripts/with_servers.py tests.e2e.scenes.screenshots $(ARGS)

evaluate: setup ## measures the detector on simulated sessions (ARGS="--seed 5", ARGS=FOLDER)
	@$(RUN) manage.py evaluate_detector $(ARGS)

study: setup ## generates the tables and plots of docs/detection.md (ARGS="FOLDER ..." for labelled sessions)
	@$(RUN) -m benchmarks.detection.study $(ARGS)

calibrate-built-in: setup ## regenerates the calibration that ships with the project
	@$(RUN) manage.py calibrate_detector --built-in

clean: ## removes what the other targets created, except the data in .data
	@rm -rf .venv node_modules staticfiles screenshots .data/tests .data/timescaledb* .ruff_cache .mypy_cache \
		.pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@[ ! -d .data ] || echo "Kept .data, which holds the data of the embedded servers."
