# Millrace: `make help` says what there is. Only Python 3.11 or newer is needed; the rest comes into .venv.

.DEFAULT_GOAL := help
.PHONY: help demo up test bench faults soak topology lint requirements
MAKEFLAGS += --no-print-directory

RUN := .venv/bin/python
# What is set up already goes on being used, unless PYTHON names another.
PYTHONS := $(or $(PYTHON),$(RUN) python3 python3.13 python3.12 python3.11 python)

define setup
	@for python in $(PYTHONS); do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
		"$$python" bootstrap.py $(1); exit; \
	done; \
	echo "millrace: none of these is a Python 3.11 or newer: $(PYTHONS). Install one," \
		"or name it: make PYTHON=/path/to/python" >&2; exit 1
endef

help:  ## this list
	@printf '\n  \033[1mMillrace\033[0m  background work that is never lost and never finished twice\n\n'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '  \033[36m%-22s\033[0m %s\n' "$${name#  }" "$$text"; done
	@printf '\n  %s\n\n' 'Python is the first that fits, or PYTHON=/path/to/python. Everything stays inside this folder.'

demo:  ## one real job of every kind, watched     ONCE=1 ends after the table
	$(call setup)
	@exec $(RUN) -m core.demo $(if $(ONCE),--once) $(if $(WORKERS),--workers $(WORKERS)) $(if $(PORT),--port $(PORT))

up:  ## the whole system until Ctrl-C        WORKERS=2 PORT=8000
	$(call setup)
	@exec $(RUN) -m core.supervisor $(if $(WORKERS),--workers $(WORKERS)) $(if $(PORT),--port $(PORT))

test:  ## the whole suite, on real servers      ARGS="-k claim"
	$(call setup,--dev)
	@exec $(RUN) -m pytest -n 2 --dist worksteal $(ARGS)

bench:  ## speed, beside eight other queues    ONLY=S1,S2 QUICK=1
	$(call setup)
	@exec $(RUN) -m bench $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(JOBS),--jobs $(JOBS)) $(if $(QUICK),--quick)

faults:  ## every fault, beside plain Celery    CASE=1,2 GUARDS=1
	$(call setup,--dev)
	@exec $(RUN) -m tests.faults$(if $(GUARDS),.guards) $(if $(CASE),--case $(CASE))

soak:  ## a long load under random kills       N=200000
	$(call setup,--dev)
	@exec $(RUN) -m tests.faults.soak $(if $(N),--jobs $(N))

topology:  ## what runs where, and what waits in front of whom
	$(call setup)
	@exec $(RUN) manage.py topology

lint:  ## style, types, import contracts
	$(call setup,--dev)
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy jobs workers core celery_app.py manage.py client/src
	@$(dir $(RUN))lint-imports

requirements:  ## compile the pins anew             (uv)
	$(call setup,--dev)
	@$(RUN) -m uv pip compile --universal --python-version 3.11 -q requirements.in -o requirements.txt
	@$(RUN) -m uv pip compile --universal --python-version 3.11 -q requirements-dev.in -o requirements-dev.txt
