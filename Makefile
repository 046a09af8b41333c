# Every target does its own set-up, on a fresh clone too. `make` lists them.
PYTHON ?= python3
RUN := .venv/bin/python
INSTALL_BY := $(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: -r

.DEFAULT_GOAL := help
.PHONY: help setup demo up test test-environment lint format backup restore fuzz mutate abuse audit lock chaos bench soak screenshots evaluate study calibrate-built-in clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## virtual environment, packages, Chart.js, static files
	@$(PYTHON) scripts/set_up.py

demo: setup ## the whole stack with a simulated conference; Ctrl-C stops it
	@$(RUN) -m engagement_conductor.local_stack.stack --demo

up: setup ## the whole stack (ADMIN=name makes an admin; PORT, DATABASE_URL, REDIS_URL, DATA_DIR)
	@$(RUN) -m engagement_conductor.local_stack.stack $(if $(ADMIN),--admin "$(ADMIN)")

test: ## all tests (ARGS="-k name" for some; REQUIRE_ALL=1: nothing may be missing)
	@$(MAKE) --no-print-directory -j2 setup test-environment
	@$(RUN) scripts/run_tests.py $(ARGS)

test-environment: ## the TimescaleDB and the Chromium of the tests alone (root, Debian)
	@$(PYTHON) scripts/debian.py

lint: setup ## ruff, mypy, import-linter, bandit
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check
	@$(RUN) -m mypy
	@.venv/bin/lint-imports
	@$(RUN) scripts/insecure_code.py

format: setup ## ruff's formatter and its safe repairs
	@$(RUN) -m ruff check --fix-only
	@$(RUN) -m ruff format

backup: setup ## the whole database into a new FILE=name, while the stack runs or not
	@$(RUN) -m engagement_conductor.local_stack.with_servers back_up $(if $(FILE),"$(FILE)") $(ARGS)

restore: setup ## the database from FILE=name, while the stack does not run (ARGS=--replace)
	@$(RUN) -m engagement_conductor.local_stack.with_servers restore $(if $(FILE),"$(FILE)") $(ARGS)

fuzz: setup ## a minute of coverage-guided fuzzing of the decoder (ARGS="-max_total_time=600")
	@$(INSTALL_BY) requirements-fuzz.lock
	@$(RUN) -m tests.fuzzing.decoder $(ARGS)

mutate: setup ## which small changes of the code no test notices (ARGS="watermark --minutes 30")
	@$(INSTALL_BY) requirements-mutate.lock
	@$(RUN) scripts/with_servers.py scripts.mutate $(ARGS)

abuse: setup ## all attacks on the running product, with 10,000 connections of one user
	@ABUSE_CONNECTIONS=10000 $(MAKE) --no-print-directory test ARGS="tests/e2e/faults/test_greedy_clients.py \
		tests/e2e/pages/test_hostile_names.py tests/integration/test_abuse.py tests/integration/test_floods.py \
		tests/dashboard/test_urls.py tests/dashboard/test_access_methods.py tests/dashboard/http/test_middleware.py $(ARGS)"

audit: setup ## insecure code, loose versions, known weaknesses of packages (asks the registries)
	@$(INSTALL_BY) requirements-audit.lock
	@$(RUN) scripts/audit.py

lock: setup ## writes requirements*.lock anew (ARGS="--upgrade", ARGS="--upgrade-package NAME"; asks the registry)
	@$(INSTALL_BY) requirements-audit.lock
	@$(RUN) scripts/lock.py $(ARGS)

chaos: setup ## half an hour of faults on the whole stack (ARGS="--act network", ARGS="redis")
	@$(RUN) -m tests.chaos $(ARGS)

bench: setup ## measures; writes benchmarks/results/latest.json (ARGS="NAME ...", ROWS=50000000)
	@$(if $(ROWS),ROWS=$(ROWS) )$(RUN) scripts/with_servers.py benchmarks $(ARGS)

soak: setup ## the whole product under load, with a verdict (MINUTES=20, ARGS="--sessions 10000 --rate 5000")
	@$(RUN) -m benchmarks.soak $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

screenshots: setup ## every page in every size and colour scheme, into screenshots/ (ARGS="NAME ...")
	@$(RUN) scripts/with_servers.py tests.e2e.scenes.screenshots $(ARGS)

evaluate: setup ## how good the alerts are, on simulated sessions (ARGS="--seed 5", ARGS=FOLDER)
	@$(RUN) manage.py evaluate_detector $(ARGS)

study: setup ## the tables and plots of docs/detection.md (ARGS="FOLDER ..." for labelled sessions)
	@$(RUN) -m benchmarks.detection.study $(ARGS)

calibrate-built-in: setup ## makes the calibration that ships with the project again
	@$(RUN) manage.py calibrate_detector --built-in

clean: ## removes what the other targets made, but not the data in .data
	@rm -rf .venv node_modules staticfiles screenshots .data/tests .data/timescaledb* .ruff_cache .mypy_cache \
		.pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@[ ! -d .data ] || echo "Kept: .data, with the data of the embedded servers."
