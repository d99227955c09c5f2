# Doorstep: `make demo` and `make test` do everything on a fresh machine; `make help` lists the rest.

PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .build/uv/bin/uv)
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test ci check format bench bench-kernel bench-edge bench-events bench-live chaos bundle vectors lock clean setup system kafka

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .build/run.stamp .build/node.stamp ## install, train on the shop's data, start Redis, origin and edge; Ctrl-C stops all
	@$(BIN)/doorstep up

test: setup system ## set up and run every test
	$(BIN)/pytest

ci: setup system check ## exactly what CI runs: lint, types, layout, every test
	CI=true $(BIN)/pytest

check: .build/dev.stamp ## lint, formatting, types and layout
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest tests/test_layout.py

format: .build/dev.stamp ## format the code and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: bench-kernel bench-edge bench-events bundle ## every benchmark; the last table is in bench/RESULTS.md

bench-kernel: setup ## the SIMD kernel against numpy, JavaScript and memcpy
	$(BIN)/python -m bench.kernel

bench-edge: setup system ## requests per second and latency at edge and origin, cold start
	$(BIN)/python -m bench.edge

bench-events: setup system ## events accepted and folded per second, click to own answer and to pushed list, bytes
	$(BIN)/python -m bench.events

bench-live: setup system ## memory of 5,000 open pages, and a push to all of them
	$(BIN)/python -m bench.live

chaos: setup system ## kill everything again and again under a clickstream; nothing acknowledged may be lost or doubled
	$(BIN)/python -m bench.chaos

bundle: setup ## build the edge bundle; print its size and the isolate's memory
	$(BIN)/python -m bench.bundle

vectors: .build/dev.stamp ## write the golden vectors anew (review the difference)
	$(BIN)/python -m tests.vectors

lock: $(UV) ## resolve the dependencies of pyproject.toml anew
	$(UV) pip compile -q pyproject.toml --upgrade --universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
	  --extra build --extra train --extra embedded --extra trace --extra test -o requirements/dev.txt
	$(UV) pip compile -q pyproject.toml --universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
	  --extra build --extra train --extra embedded -c requirements/dev.txt -o requirements/run.txt

kafka: .build/run.stamp system ## a real Kafka broker on port 9092, for trials; Ctrl-C stops it
	@$(BIN)/python -m origin.kafka_broker

clean: ## remove everything that was built or installed here
	rm -rf .build .doorstep .venv wrangler/node_modules bench/out tests/out

# --- set-up: each stamp is made again only when what it depends on has changed ---------------------------------------

setup: .build/dev.stamp .build/node.stamp

system: ## see that the programs of the operating system that the tests need are there
	@sh deploy/system.sh

.build/uv/bin/uv: requirements/uv.txt
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "neither uv nor pip is here; install one of them"; exit 1; }
	@echo "installing uv"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --upgrade --target .build/uv -r $<
	@touch $@

.venv/pyvenv.cfg: | $(UV)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Doorstep needs Python 3.11 or newer; set PYTHON=…")'
	@$(UV) venv --quiet --python $(PYTHON) .venv

.build/run.stamp: requirements/run.txt pyproject.toml .venv/pyvenv.cfg
	@echo "installing Python packages"
	@$(UV) pip install --python .venv --require-hashes -r requirements/run.txt
	@$(UV) pip install --quiet --python .venv --no-deps --no-build-isolation --editable .
	@mkdir -p .build && touch $@

.build/dev.stamp: requirements/dev.txt .build/run.stamp
	@echo "installing Python packages for tests"
	@$(UV) pip install --python .venv --require-hashes -r requirements/dev.txt
	@touch $@

.build/node.stamp: wrangler/package.json wrangler/package-lock.json .build/run.stamp
	@echo "installing workerd, pyodide and the kernel's compiler"
	@$(BIN)/python -m origin.node npm ci --prefix wrangler --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@
