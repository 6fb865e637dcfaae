# Two commands: `make demo` installs and opens the demo exam, `make test` installs and checks everything CI checks.
PYTHON ?= python3
VENV ?= .venv
OUT ?= demo-output
BIN := $(VENV)/bin

.PHONY: demo test

demo: $(VENV)/.installed
	sh .ci/system-libraries
	$(BIN)/mammoviewer demo --out $(OUT)

test: $(VENV)/.installed-test
	sh .ci/system-libraries
	BIN=$(BIN) sh .ci/checks

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	touch $@
