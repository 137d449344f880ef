# The front door. Meson does the work; see meson_options.txt for what can be chosen.
BUILD := build

.PHONY: build install run test bench bench-nightly soak soak-store lint fmt clean docs
.DEFAULT_GOAL := build

build:
	@scripts/bootstrap build
	@scripts/configure $(BUILD)
	@ninja -C $(BUILD) vedette
	@meson compile -C $(BUILD) vedette:shared_library >/dev/null

# The program, the C library and the service, below the prefix of the build directory (/usr/local) and DESTDIR. Root finds all of it built.
install: build
	@meson install -C $(BUILD) --no-rebuild --quiet

run: build
	@exec $(BUILD)/vedette run --demo $(RUN_ARGS)

test:
	@scripts/bootstrap build test
	@scripts/configure $(BUILD)
	@scripts/run-tests $(BUILD)

bench:
	@scripts/bootstrap build
	@scripts/configure $(BUILD)
	@ninja -C $(BUILD) vedette bench/bench bench/bench_resilience bench/bench_store bench/load_http
	@$(BUILD)/bench/bench --json $(BUILD)/bench.json
	@$(BUILD)/bench/bench_resilience
	@$(BUILD)/vedette spool bench $(BUILD)
	@$(BUILD)/bench/bench_store
	@python3 bench/policy_latency.py $(BUILD)
	@python3 bench/bench_http.py $(BUILD)/vedette $(BUILD)/bench/load_http

# The store with ten million events: lists of them, and retention of the oldest million beside a writer. For the night: it
# takes a while, and 10 GB of disk where TMPDIR is.
bench-nightly:
	@scripts/bootstrap build
	@scripts/configure $(BUILD)
	@ninja -C $(BUILD) bench/bench_store
	@$(BUILD)/bench/bench_store 10000000

lint:
	@scripts/bootstrap build lint
	@scripts/configure $(BUILD)
	@scripts/lint $(BUILD)

# Many cameras for a day, some of them bad: tests/soak/soak.py says what must hold. SOAK_SECONDS=600 for a short one.
# Before that the crash suite with 1,000 kills, the damage suite at every byte, the disk suite with every call that fails, and ten minutes of a store that goes away.
soak: build
	@ninja -C $(BUILD) tests/crash/test_crash tests/crash/test_walk tests/resilience/test_spool_damage tests/resilience/test_spool_disk tests/worker/test_gate
	@VEDETTE_CRASH_KILLS=1000 $(BUILD)/tests/crash/test_crash
	@VEDETTE_CRASH_KILLS=1000 $(BUILD)/tests/crash/test_walk
	@VEDETTE_THOROUGH=1 $(BUILD)/tests/resilience/test_spool_damage
	@VEDETTE_THOROUGH=1 $(BUILD)/tests/resilience/test_spool_disk
	@VEDETTE_THOROUGH=1 meson test -C $(BUILD) --no-rebuild gate_all_clips
	@VEDETTE_BINARY=$(CURDIR)/$(BUILD)/vedette SOAK_SECONDS=600 python3 tests/soak/soak_store.py
	@VEDETTE_BINARY=$(CURDIR)/$(BUILD)/vedette python3 tests/soak/soak.py

# The store locked, full and moved away in turn, workers killed: tests/soak/soak_store.py. SOAK_SECONDS=120 is enough to see each once.
soak-store: build
	@VEDETTE_BINARY=$(CURDIR)/$(BUILD)/vedette python3 tests/soak/soak_store.py

fmt:
	@scripts/bootstrap lint
	@git ls-files '*.c' '*.h' | xargs clang-format -i

# Writes the references that are derived from the tables; CI fails when they are stale.
# The page is left out of that build: its types are one of the references.
docs:
	@scripts/bootstrap build
	@scripts/configure $(BUILD)-docs -Dui=disabled
	@ninja -C $(BUILD)-docs vedette
	@scripts/write-docs $(BUILD)-docs

clean:
	rm -rf $(BUILD) web/dist
