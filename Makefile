# Everything sets itself up: the first target that needs Python packages makes .venv and fills it from the lock file.
# Needs Python 3.11 or newer with venv, and make; `make help` lists the targets.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help

.PHONY: help
help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | sed -E 's/:.*## /\t/' | expand -t 14

# Installed packages are exactly those of the lock file, checked by hash; the project itself is installed editable.
$(READY): pyproject.toml requirements.lock
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "newsletter needs Python 3.11 or newer: no '$(PYTHON)' was found (set PYTHON=…)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "newsletter needs Python 3.11 or newer: '$(PYTHON)' is $$($(PYTHON) -V 2>&1) (set PYTHON=…)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "newsletter needs Python's venv module: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up $(VENV) (once, a minute or two) …"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

.PHONY: setup
setup: $(READY)  ## Make .venv with all packages

.PHONY: demo
demo: $(READY)  ## Send the sample issues to a mail catcher on this machine
	@$(BIN)/newsletter demo

.PHONY: cluster
cluster: $(READY)  ## PostgreSQL, four workers, a scheduler and the pages on this machine deliver the demo; one worker is killed
	@$(BIN)/python scripts/cluster.py

# Not by the number of tests in a file: those of acceptance are few, take longest, and come first by name.
.PHONY: test
test: $(READY)  ## Run every test, four files at a time (REQUIRE_ALL=1 forbids skipping)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

.PHONY: quick
quick: $(READY)  ## Run the unit, docs and golden tests
	@$(BIN)/python -m pytest tests/unit tests/docs tests/golden -q -n 4

.PHONY: lint
lint: $(READY)  ## Style, types, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: format
format: $(READY)  ## Format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: bless
bless: $(READY)  ## Accept changed golden files and generated pages (look at the diff)
	@BLESS=1 $(BIN)/python -m pytest -q tests/golden tests/docs tests/unit/authoring; told=$$?; git --no-pager diff --stat; exit $$told

.PHONY: pictures
pictures: $(READY)  ## Take the pictures of the mail again (needs chromium)
	@$(BIN)/python scripts/take_pictures.py

.PHONY: bench
bench: $(READY)  ## Measure speed, as ratios; what lacks its tools (postfix, openssl, chromium) is skipped
	@$(BIN)/python bench/all.py

.PHONY: proofs
proofs: $(READY)  ## Put older copies back, kill senders, take the database away: what is too long for the tests (15 minutes)
	@$(BIN)/python tests/proofs.py

.PHONY: faults
faults: $(READY)  ## Kill, stop and disturb senders at full size; write docs/explanation/fault-report.md (half an hour)
	@$(BIN)/python tests/faults.py

.PHONY: wheel-check
wheel-check: $(READY)  ## Build the wheel, install it alone in an empty environment, start a project with it
	@sh scripts/check_wheel.sh "$(BIN)/python" "$(PYTHON)"

# The resolver lives in an environment of its own, for this once: .venv holds what is locked and nothing else.
.PHONY: lock
lock:  ## Choose versions anew
	@set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools"; "$$tools/bin/python" -m pip install --quiet --disable-pip-version-check uv; \
	"$$tools/bin/uv" pip compile pyproject.toml --all-extras --group dev --generate-hashes --universal \
	  --python-version 3.11 --no-annotate --no-header --upgrade --quiet -o requirements.lock

.PHONY: clean
clean:  ## Remove everything that is made
	rm -rf $(VENV) .demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
