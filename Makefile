# Two commands are all that a fresh machine needs: `make run` shows the whole loop, `make test` proves it.
#
#   PYTHON     the interpreter to build the environment with (3.11 or later)
#   PIP_ARGS   further arguments of pip install; on Linux without a GPU, PyTorch's own index of CPU builds as
#              --extra-index-url saves several gigabytes

PYTHON ?= python3
PIP_ARGS ?=
UI_PORT ?= 5000
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One more than there are cores: tests of processes wait for them. Tests in a row stay on one worker, as they share
# servers and folders, until another one has nothing left to do.
WORKERS := $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
LEVELS := tests/detect tests/monitor/reference/test_guarantee.py

.DEFAULT_GOAL := help
.PHONY: help run ui test test-slow test-levels test-security check install system lock clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

# The stretch begins where three columns of ELEC, constant until then, start to vary. Exit code 4 says that
# the last challenger was refused: a result like any other here, not a failure.
run: $(READY)  ## base model, deployment, drift, retraining, promotion and report, without a question
	$(BIN)/drift base --train_rows 17424 --max_epochs 3 --total_trials 5 --mlflow_experiment_name drift
	$(BIN)/drift deploy --test_data_rows 6720 --block_size 336 --threshold_accuracy .70 --retrain always \
	  --window_rows 4032 --cooldown_blocks 2 --total_trials 3 --mlflow_experiment_name drift || test $$? -eq 4

# Every user of this machine reaches the port, so it wants a password: DRIFT_UI_PASSWORD, or one that is made anew.
ui: $(READY)  ## MLflow on the results, at http://127.0.0.1:5000, with a password that it prints
	@umask 077; \
	DRIFT_UI_PASSWORD=$${DRIFT_UI_PASSWORD:-$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(12))')}; \
	export DRIFT_UI_PASSWORD MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false; \
	echo "MLflow at http://127.0.0.1:$(UI_PORT): any user name, password $$DRIFT_UI_PASSWORD"; \
	exec $(BIN)/python -m mlflow server --app-name drift-password --workers 1 --host 127.0.0.1 --port $(UI_PORT) \
	  --backend-store-uri sqlite:///mlflow.db

test: $(READY)  ## the default suite, under ten minutes
	$(BIN)/python -m pytest -n $(WORKERS)

test-slow: $(READY)  ## faults of whole commands, real servers, a real browser (Debian's chromium: make system)
	$(BIN)/python -m pytest -m slow -n $(WORKERS) --dist worksteal $(addprefix --ignore=,$(LEVELS) tests/security)

test-security: $(READY)  ## what others may not do, with a second local user (as root) and real servers; about ten minutes
	DRIFT_TEST_SECOND_USER=1 $(BIN)/python -m pytest -m slow -n $(WORKERS) --dist worksteal tests/security

test-levels: $(READY)  ## every statistical test on a thousand draws without a difference, on all cores
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow -n auto --dist worksteal $(LEVELS)

check: $(READY)  ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: $(READY)  ## the environment alone, in .venv

# Hashes are checked of all that requirements.lock names, and what has to be built is built by the setuptools of it: the
# first line installs that. torch comes last, when all that it needs is there but what a build for GPUs brings.
$(READY): requirements.lock torch.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: expected Python 3.11 or later, got `$(PYTHON) --version`; set PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@sed -n '/^setuptools==/,/[^\\]$$/p' requirements.lock > $(VENV)/build.lock
	$(BIN)/python tools/pip_progress.py install $(PIP_ARGS) --require-hashes --no-deps -r $(VENV)/build.lock
	$(BIN)/python tools/pip_progress.py install $(PIP_ARGS) --require-hashes --no-deps --no-build-isolation -r requirements.lock
	$(BIN)/python tools/pip_progress.py install $(PIP_ARGS) -r torch.lock
	@$(BIN)/python -m pip uninstall -q -y drift 2>/dev/null || true  # what the distribution was called in 0.1.0
	$(BIN)/python tools/pip_progress.py install $(PIP_ARGS) --no-deps --no-build-isolation -e .
	@touch $@

system:  ## what the slow tests need of Debian: a browser, PostgreSQL, Prometheus, curl
	apt-get update -qq && apt-get install -y -qq chromium curl postgresql prometheus

lock: $(READY)  ## write requirements.lock and torch.lock from what is installed, with hashes
	$(BIN)/python tools/lock.py requirements.lock torch.lock

clean:  ## take away everything that was built or run, the environment too
	rm -rf $(VENV) .drift reports runs mlruns mlartifacts mlflow.db* build *.egg-info .mypy_cache .ruff_cache .pytest_cache
