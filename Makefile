# `make demo` and `make test` are all that a newcomer needs; the plain commands stand in README.md.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DISTRIBUTIONS := pyproject.toml $(wildcard plugins/*/pyproject.toml)

# Tests start some hundred processes: where none keeps what it compiled, as in many containers, that takes minutes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check lint audit screenshots clean

# Installed when a list of requirements or a distribution's own changed since.
$(VENV)/demo.stamp: requirements.txt $(DISTRIBUTIONS)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/demo.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

demo: $(VENV)/demo.stamp
	$(BIN)/workbench transcribe samples/talk.mp4 -o - --language en

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -q -n 3 --dist loadfile # on two cores: some tests wait for devices and terminals

lint: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m mypy
	MYPYPATH=$$(echo plugins/* | tr ' ' ':') $(BIN)/python -m mypy plugins/*/
	$(BIN)/lint-imports

check: lint test

# What takes longer: generated cases by the thousand, and the figures of the README.
audit: $(VENV)/dev.stamp
	WORKBENCH_TEST_AUDIT=1 $(BIN)/python -m pytest -q tests/test_config.py tests/profiles/test_schema.py tests/subtitles/test_formats.py
	for name in startup detect decode pool dispatch pack overhead parallel accuracy memory commit jobs ranges io vad vad_file serve live interface terminal capture soak; do $(BIN)/python -m benchmarks $$name || exit 1; done

# The pictures in docs/screenshots/, of the workbench on this machine.
screenshots: $(VENV)/dev.stamp
	$(BIN)/python -m docs.screenshots.make

clean:
	rm -rf $(VENV) build dist
