# `make demo` and `make test` each do all their set-up themselves, with Python, Rust and make.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
EXTENSION := .venv/.extension

.DEFAULT_GOAL := help
.PHONY: help
help: ## Show what there is to make
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(INSTALLED): requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	touch $@

$(EXTENSION): $(INSTALLED) pyproject.toml Cargo.toml Cargo.lock $(wildcard rust_ext/Cargo.toml rust_ext/src/*.rs)
	$(BIN)/maturin develop --release --locked --skip-install-deps --quiet || \
		$(BIN)/maturin develop --release --locked
	touch $@

.PHONY: install
install: $(EXTENSION) ## Make .venv with everything pinned, and the extension in release mode

.PHONY: lock
lock: $(INSTALLED) ## Write requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
		--extra demo --group dev pyproject.toml -o requirements.lock \
		--custom-compile-command 'make lock'
