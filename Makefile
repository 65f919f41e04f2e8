# Each target builds what it needs in .venv. Two to start with: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

# Compiled kernels are cached beside the environment that compiled them.
export NUMBA_CACHE_DIR := $(CURDIR)/$(VENV)/numba-cache
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test check bench quality fuzz docs format clean

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "TraceQL needs Python 3.11 or newer; say which with: make PYTHON=python3.12 …"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BIN)/python -m compileall -q traceql
	touch $@

demo: $(READY)          ## ingest a real trace, ask it, analyse it, write report.html
	$(BIN)/traceql ingest $(DEMO_TRACE) --store traceql-store
	$(BIN)/traceql query --store traceql-store "SELECT name, count(*) AS calls, sum(dur) AS total_dur, sum(self_dur) AS self_dur FROM slice GROUP BY name ORDER BY self_dur DESC LIMIT 10"
	$(BIN)/traceql analyze --store traceql-store
	$(BIN)/traceql report --store traceql-store -o report.html
	@echo "The report is $(CURDIR)/report.html; the store is $(CURDIR)/traceql-store."
DEMO_TRACE := sample_traces/pytorch/2.13.0/train_cpu.pt.trace.json.gz

test: $(READY)          ## the whole suite, under 10 minutes on 2 cores
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not fuzz"

check: $(READY)         ## lint, types, layers, documentation drift
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

BENCH_MB ?= 5 100
BENCH_KERNELS ?= 1e6
BENCH_EVENTS ?= 3e5
bench: $(READY)         ## hot paths beside peers and limits; sizes: make bench BENCH_MB="5 100 1000"; of nsys and Perfetto traces: BENCH_KERNELS=3e6 BENCH_EVENTS=1e6
	$(BIN)/python benchmarks/ingest.py --mb $(BENCH_MB) $(BENCH_OPTIONS)
	$(BIN)/python benchmarks/query.py --mb $(lastword $(BENCH_MB))
	$(BIN)/python benchmarks/analyses.py --mb 35 --kind real synthetic
	$(BIN)/python benchmarks/sweep.py
	$(BIN)/python benchmarks/sql.py
	$(BIN)/python benchmarks/projection.py
	$(BIN)/python benchmarks/scaling.py
	$(BIN)/python benchmarks/sqlite.py --kernels $(BENCH_KERNELS)
	$(BIN)/python benchmarks/perfetto.py --events $(BENCH_EVENTS)

SEED ?= 0
quality: $(READY)       ## quality goals of the analyses on truth that is known; another seed: make quality SEED=7
	$(BIN)/python -m benchmarks.quality --seed $(SEED)

fuzz: $(READY)          ## the long grids; not part of CI
	$(BIN)/python -m pytest -m fuzz --timeout 3600

docs: $(READY)          ## write docs/schema.md and docs/reference/ anew
	$(BIN)/python docs/generate.py

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .hypothesis traceql-store report.html
