# The short list of commands. `make test` installs what the tests need and runs all of them.

MODELS := target/models
TOOLS := target/tools
CARGO_DENY_VERSION := 0.20.2
CARGO_MACHETE_VERSION := 0.9.2
CARGO_FUZZ_VERSION := 0.13.2
FUZZ_SECONDS := 60
export VULTUS_MODELS_DIR := $(abspath $(MODELS))
export PATH := $(abspath $(TOOLS))/bin:$(PATH)

.PHONY: test fmt clippy doc deny unused unit suites conformance test-milvus milvus-suites models bench fuzz

test: fmt clippy doc deny unused unit conformance
	@echo "all checks passed"

fmt:
	cargo fmt --all --check

clippy:
	cargo clippy --workspace --all-targets --locked -- -D warnings

# Builds the documentation of the code. A link that leads nowhere is an error.
doc:
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked

# Checks licences, bans and sources. It does not check advisories, because each run would fetch their database from another host.
deny: $(TOOLS)/bin/cargo-deny
	cargo deny check licenses bans sources

$(TOOLS)/bin/cargo-deny:
	@mkdir -p $(TOOLS)/bin
	@if cargo deny --version 2>/dev/null | grep -q '$(CARGO_DENY_VERSION)'; then ln -sf "$$(command -v cargo-deny)" $@; \
	else cargo install cargo-deny --version $(CARGO_DENY_VERSION) --locked --root $(TOOLS); fi

# Finds dependencies that no code names.
unused: $(TOOLS)/bin/cargo-machete
	cargo machete --with-metadata

$(TOOLS)/bin/cargo-machete:
	cargo install cargo-machete --version $(CARGO_MACHETE_VERSION) --locked --root $(TOOLS)

# The script installs, starts and stops PostgreSQL, unless TEST_POSTGRES_URL names a server. The models come first, because
# unit, API, golden and contract tests run the real networks.
unit: models
	scripts/with-postgres.sh $(MAKE) suites

# The tests of the store run on both databases. Those of the API run on SQLite and then on PostgreSQL, which TEST_POSTGRES_URL names.
suites:
	cargo test --workspace --locked
	TEST_DATABASE=postgres cargo test --workspace --locked --test api

# Compares the answers of a server with openapi.json.
conformance: models
	cargo build -p vultus --locked
	scripts/schemathesis.py

# The API tests with Milvus as the vector engine, on PostgreSQL. Installs and starts both, unless TEST_MILVUS_URL names a Milvus.
test-milvus: models
	scripts/with-milvus.py scripts/with-postgres.sh $(MAKE) milvus-suites

milvus-suites:
	cargo test -p vultus-milvus --locked --test server
	TEST_DATABASE=postgres cargo test -p vultus --locked --test api -- --include-ignored

models:
	cargo run --locked --quiet -- models pull --to $(MODELS)

bench: models
	scripts/with-postgres.sh cargo bench --workspace --locked

# Needs a nightly compiler (rustup toolchain install nightly) and a C++ compiler. New inputs stay in fuzz/corpus.
# SQLite, which some targets link, has the same constant twice, which is no violation that matters.
fuzz: $(TOOLS)/bin/cargo-fuzz
	@for target in $$(cargo fuzz list); do \
	  echo "fuzzing $$target for $(FUZZ_SECONDS) s"; mkdir -p fuzz/corpus/$$target; \
	  ASAN_OPTIONS=detect_odr_violation=0 cargo +nightly fuzz run $$target fuzz/corpus/$$target $$(ls -d fuzz/seeds/$$target 2>/dev/null) -- \
	    -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 || exit 1; \
	done

$(TOOLS)/bin/cargo-fuzz:
	cargo install cargo-fuzz --version $(CARGO_FUZZ_VERSION) --locked --root $(TOOLS)
