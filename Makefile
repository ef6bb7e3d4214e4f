# `make demo` and `make test` each do all their set-up themselves, with Python, Rust and make.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
EXTENSION := .venv/.extension
DEMO := .demo
SEEDS := 1-500
PYTHON_CODE := mailvault deploy tests bench
# One more than CI has cores: many tests wait for a time-out, and for nothing else.
PYTEST := $(BIN)/python -m pytest -n 3

.DEFAULT_GOAL := help
.PHONY: help
help: ## Show what there is to make
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(INSTALLED): requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

$(EXTENSION): $(INSTALLED) pyproject.toml Cargo.toml Cargo.lock rust_ext/Cargo.toml $(wildcard rust_ext/src/*.rs)
	VIRTUAL_ENV=$(CURDIR)/.venv PIP_QUIET=1 $(BIN)/maturin develop --release --locked --quiet
	touch $@

.PHONY: install
install: $(EXTENSION) ## Make .venv with everything pinned, and the extension in release mode

.PHONY: demo
demo: $(EXTENSION) ## Start PostgreSQL and S3, make mail, move it, and show how it went
	@PATH="$(CURDIR)/$(BIN):$$PATH" deploy/demo.sh $(DEMO)

.PHONY: stop
stop: ## End the demo's servers and remove what it made
	@test ! -d $(DEMO) || $(BIN)/python -W ignore -m deploy.embedded remove $(DEMO)

# Rust's compiler leaves a core idle: `make -j2` has the other half run on it.
.PHONY: test test-rust test-python
test: test-rust test-python ## Run all tests that take less than minutes

test-rust: $(EXTENSION)
	cargo test --release --locked --quiet

test-python: $(EXTENSION)
	$(PYTEST) -m 'not slow'

.PHONY: test-15
test-15: $(EXTENSION) ## The same tests on PostgreSQL 15, from Debian's package
	MAILVAULT_TEST_POSTGRES=15 $(PYTEST) -m 'not slow'

.PHONY: test-pooler
test-pooler: $(EXTENSION) ## The same tests through PgBouncer, from Debian's package
	MAILVAULT_TEST_POOLER=pgbouncer $(PYTEST) -m 'not slow'

.PHONY: test-slow
test-slow: $(EXTENSION) ## Run the tests that take minutes
	$(PYTEST) -m slow

.PHONY: s3-matrix
s3-matrix: $(EXTENSION) ## Run the conformance suite on all S3 servers on the PATH, or SERVERS="minio garage"
	@$(BIN)/python -W ignore -m tests.s3.matrix $(SERVERS)

.PHONY: fault
fault: $(EXTENSION) ## Run mail through faults, by seed number: SEEDS=1-500, or SEEDS=17 to replay one
	@$(BIN)/python -m tests.fault.seeds $(SEEDS)

.PHONY: kill-everywhere
kill-everywhere: $(EXTENSION) ## Kill a worker before and after each of its system calls in turn
	$(BIN)/python -W ignore -m tests.kills.everywhere --uploader $(or $(UPLOADER),rust)

.PHONY: failover
failover: $(EXTENSION) ## Fail over N times to a standby that missed commits
	$(BIN)/python -W ignore -m tests.fault.failover -n $(or $(N),20)

.PHONY: live
live: $(EXTENSION) ## Move the mail of an application at work, for MINUTES=10
	$(BIN)/python -W ignore -m tests.fault.live --minutes $(or $(MINUTES),10)

.PHONY: compose-test
compose-test: $(EXTENSION) ## Go through the quick start of docker-compose.yml with faults; needs Docker
	$(BIN)/python -W ignore -m tests.compose

.PHONY: prove
prove: $(EXTENSION) ## Compare 100,000 histories of the queue with its model (hours)
	MODEL_HISTORIES=100000 $(PYTEST) tests/model

.PHONY: planted
planted: $(EXTENSION) ## Plant bugs, and see that the tests catch each
	$(BIN)/python -W ignore -m tests.planted

.PHONY: check check-rust check-python
check: check-rust check-python ## Lint, types, layers, spelling

check-rust: $(EXTENSION)
	cargo fmt --check
	cargo clippy --workspace --release --locked --quiet --all-targets -- -D warnings

check-python: $(EXTENSION)
	$(BIN)/ruff check $(PYTHON_CODE)
	$(BIN)/ruff format --check $(PYTHON_CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --processes 0 --disable-progress-bar sql/*.sql sql/schema sql/migrations sql/queries
	cd sql/source && $(CURDIR)/$(BIN)/sqlfluff lint --processes 0 --disable-progress-bar .
	$(BIN)/codespell
	$(BIN)/hadolint Dockerfile deploy/*/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	! docker compose version > /dev/null 2>&1 || \
		docker compose --env-file .env.example --profile '*' config --quiet

.PHONY: format
format: $(INSTALLED) ## Write the code as the formatters would have it
	$(BIN)/ruff check --fix-only --quiet $(PYTHON_CODE)
	$(BIN)/ruff format --quiet $(PYTHON_CODE)
	cargo fmt

.PHONY: reference
reference: $(EXTENSION) ## Write docs/reference.md anew, from the commands, settings and views
	$(BIN)/python -W ignore -m deploy.reference

.PHONY: bench
bench: $(EXTENSION) ## Time the whole road over 100,000 seeded emails
	$(BIN)/python -m bench.road --emails 100000 --attachments 0-1

.PHONY: bench-queue
bench-queue: $(EXTENSION) ## Race the queue against others, and measure it on deep backlogs; an hour
	for command in peers workers 'depth --deep' enqueue idle snapshot; do \
		$(BIN)/python -W ignore -m bench.queue $$command || exit; done

.PHONY: bench-upload
bench-upload: $(EXTENSION) ## Race the uploader against others, and measure it; an hour
	cargo build --release --locked --quiet --package mailvault-sink
	for command in alone road stores large memory latency; do \
		$(BIN)/python -W ignore -m bench.upload $$command || exit; done

.PHONY: profile
profile: $(EXTENSION) ## Say where the road's microseconds go; perf, py-spy and inferno must be on the PATH
	cargo build --release --locked --quiet --package mailvault-sink
	$(BIN)/python -W ignore -m bench.upload profile --svg docs/profile.svg

LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	--python-version 3.11 --custom-compile-command 'make lock' pyproject.toml

.PHONY: lock
lock: $(INSTALLED) ## Write the lock files anew from pyproject.toml
	$(LOCK) --extra demo --extra dev -o requirements.lock
	$(LOCK) --constraints requirements.lock -o requirements-runtime.lock
	$(LOCK) --constraints requirements.lock --extra demo -o requirements-demo.lock
