# `make demo` runs the main job, `make test` passes all tests, lint and types; both set up .venv first.
PYTHON ?= python3
LOWEST_PYTHON ?= python3.10
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WERROR ?= OFF
EXTRA ?= dev
# Bytecode is written where it is needed, when it is needed.
INSTALL := -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt

.PHONY: setup lint test test-lowest demo integrations gallery null power bench sanitize mutants clean

setup: $(READY)

KERNELS := CMakeLists.txt $(wildcard kernels/*) $(wildcard kernels/ops/*) src/losskit/native/node.cpp

$(READY): pyproject.toml constraints.txt $(KERNELS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(INSTALL) --editable '.[$(EXTRA)]' \
		--config-settings=cmake.define.LOSSKIT_WERROR=$(WERROR)
	$(BIN)/python -m losskit.native build || true  # half a minute, once for each torch; never needed
	touch $@

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/clang-format --dry-run --Werror $(wildcard kernels/*.cpp kernels/*.h kernels/ops/*.h src/losskit/native/*.cpp)
	$(BIN)/mypy
	$(BIN)/lint-imports

# A thread for each of the two processes: more would wait for each other. Tests of threads set their number.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

# The tests on the lowest Python, which constraints.txt gives the lowest torch, numpy, … that pyproject.toml allows.
test-lowest:
	$(MAKE) setup VENV=.venv-lowest PYTHON=$(LOWEST_PYTHON)
	OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest -n 2

# The first script misuses a loss: check must end with 1, the code of an error that it found.
demo: $(READY)
	$(BIN)/losskit check --run examples/faulty/softmax_twice.py; test $$? -eq 1
	$(BIN)/losskit compare mnist

# It stands on .venv: torch, losskit and its kernels are not installed twice.
.venv-integrations/.ready: $(READY)
	$(BIN)/python -m venv --clear .venv-integrations
	$(BIN)/python -c 'import site; print(f"import site; site.addsitedir({site.getsitepackages()[0]!r})")' \
		> "$$(.venv-integrations/bin/python -c 'import site; print(site.getsitepackages()[0])')/below.pth"
	.venv-integrations/bin/python $(INSTALL) 'losskit[integrations]'
	touch $@

# docs/integrations.md, run beside the libraries that it is about.
integrations: .venv-integrations/.ready
	.venv-integrations/bin/python -m pytest -c tests/integrations/pytest.ini tests/integrations

# docs/losses/: a page for each loss, with its curve beside its relatives; open docs/losses/index.html.
gallery: $(READY)
	$(BIN)/python docs/gallery.py

# Is the comparison honest where there is nothing to find? 200 comparisons of learners that are equal, in a minute.
null: $(READY)
	$(BIN)/python benchmarks/null.py

# What does it say of differences that are known? Two minutes.
power: $(READY)
	$(BIN)/python benchmarks/power.py

# Measures everything anew, some 30 minutes on a machine that should do nothing else, and renders docs/benchmarks.md.
bench: $(READY)
	$(BIN)/python $(INSTALL) --editable '.[dev,bench]' \
		--config-settings=cmake.define.LOSSKIT_WERROR=$(WERROR)
	$(BIN)/python benchmarks/bench.py --json docs/benchmarks.json > /dev/null
	$(BIN)/python benchmarks/bench.py --table docs/benchmarks.json > docs/benchmarks.md
	$(BIN)/python benchmarks/curves.py docs/benchmarks.json > docs/benchmarks.svg

# Looks for invalid memory accesses and undefined behaviour of the kernels, in 5 minutes; `make setup` builds the usual ones again.
sanitize: $(READY)
	rm $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable . \
		--config-settings=cmake.define.LOSSKIT_SANITIZE=ON
	export LD_PRELOAD="$$(c++ -print-file-name=libasan.so) $$(c++ -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0; \
		$(BIN)/python -m pytest tests/test_kernels.py && $(BIN)/python -m pytest tests/test_ctc.py -k kernel && $(BIN)/python tests/fuzz.py --calls 100000

# Can the suite fail? Plants 190 faults, one at a time, and counts those that it catches, in about an hour: docs/mutants.md.
SEED ?= 0
mutants: $(READY)
	PYTHONPATH=tests $(BIN)/python -m mutants --seed $(SEED)

clean:
	rm -rf $(VENV) .venv-lowest .venv-integrations build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
