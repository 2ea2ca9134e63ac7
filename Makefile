# make run    the main job on the embedded mock: make run PROVIDER=anthropic for another of the six
# make test   the tests
# make check  ruff and mypy
PROVIDER ?= openai
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test check interop clean

run: $(READY)
	$(BIN)/locust --headless --mock -p $(PROVIDER) -u 4 -r 4 -i 40

test: $(READY)
	$(BIN)/python -m pytest

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

interop: $(READY)
	$(BIN)/python -m tests.interop

$(READY): requirements.lock
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
