# One target for each command, the same here and in CI. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

STACK ?= lab
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready

# Values reach the recipes' shell by the environment, quoted there: a space or a quote in one is a part of it.
# Only those that are set: an empty NAME of ours would win over a .env file's of theirs.
VARIABLES := STACK KUBECONFIG DIR DUMP SAFETY CONFIRM UNTAGGED CACHE RECORDINGS VERSION JSON NAME
export $(foreach name,$(VARIABLES),$(if $($(name)),$(name)))

# make takes stack=prod for a variable of its own, so the command would run for the default stack.
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
KNOWN := $(VARIABLES) CORE DRIFT IMAGES PUSH PYTHON REFRESH SHARE YES
MISSPELT := $(if $(filter-out $(KNOWN),$(GIVEN)),$(filter $(KNOWN),$(shell echo $(filter-out $(KNOWN),$(GIVEN)) | tr a-z A-Z)))
$(foreach name,$(MISSPELT),$(error write $(name)=... in capitals))

# Python keeps what it compiles, also where the environment says not to: else each process of the tests compiles all of them again (6 s).
export PYTHONDONTWRITEBYTECODE :=

OPERATORS := up down preview check doctor gc collect export backup backups restore replace-secrets password outputs

.PHONY: $(OPERATORS) help verify unit test e2e e2e-share e2e-all genuine replay bench lint lint-manifests types format render golden clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  STACK=lab (default), lab-apache: on this machine, needs Linux and root."
	@echo "  STACK=dev KUBECONFIG=...: on a cluster of yours."

# Not compiled by pip, which would compile all of the SDKs (half of its time): Python compiles what is imported.
$(READY): requirements.txt requirements-ops.txt requirements-dev.txt
	@command -v $(PYTHON) >/dev/null || { echo "error: '$(PYTHON)' is not installed; it is needed in version 3.11 or later (PYTHON=... names another)." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11; PYTHON=... names another." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "error: '$(PYTHON) -m venv' failed; on Debian install python3-venv." >&2; exit 1; }
	@echo "installing the Python packages of requirements-dev.txt into $(VENV)"
	@$(VENV)/bin/pip install --quiet --no-compile --disable-pip-version-check -r requirements-dev.txt
	@touch $@

up: $(READY) ## Deploy STACK and check it with a push and a pull (REFRESH=1: undo changes by hand, too; YES=1: do not ask; IMAGES=public: the genuine images)
down: $(READY) ## Delete STACK; for a lab stack, the whole lab (YES=1: do not ask)
preview: $(READY) ## Show what `make up` would change (REFRESH=1: what was changed by hand, too)
check: $(READY) ## Push and pull an image through the deployed STACK
doctor: $(READY) ## Find what does not work in the deployed STACK, and print the fix (JSON=1; PUSH=1: an image, too; DRIFT=1: Pulumi's comparison, too)
gc: $(READY) ## Report what the registry's garbage collection deletes; CONFIRM=yes deletes it (docs/operate/garbage-collection.md)
collect: $(READY)
export: $(READY) ## Write users, rights and the list of images into DIR, for skopeo, Harbor and zot (docs/operate/leaving.md)
backup: $(READY) ## Back up the database of the deployed STACK now, and verify the backup (docs/operate/backup.md)
backups: $(READY) ## List the backups of the deployed STACK
restore: $(READY) ## Replace the database of the deployed STACK by backup DUMP (SAFETY=no: without a backup of the present state)
replace-secrets: $(READY) ## Let the next `make up` replace secrets that the state of STACK shows (docs/operate/credentials.md)
password: $(READY) ## Print the administrator's password of the deployed STACK
outputs: $(READY) ## Print the outputs of the deployed STACK, without secrets (NAME=ca_certificate: one of them, as it is)

# The operator's commands: `python -m ops` has the same ones, with their options. A variable of make is an option of the command.
WORDS_up = $(if $(REFRESH),--refresh) $(if $(YES),--yes)
WORDS_down = $(if $(YES),--yes)
WORDS_preview = $(if $(REFRESH),--refresh)
WORDS_doctor = $(if $(JSON),--json) $(if $(PUSH),--push) $(if $(DRIFT),--drift)
WORDS_gc = $(if $(CONFIRM),--confirm "$$CONFIRM") $(if $(UNTAGGED),--untagged "$$UNTAGGED") $(if $(CACHE),--cache "$$CACHE")
WORDS_collect = $(WORDS_gc)
WORDS_export = $(if $(DIR),--dir "$$DIR")
WORDS_outputs = $(if $(NAME),--name "$$NAME")
WORDS_restore = $(if $(DUMP),--dump "$$DUMP") $(if $(SAFETY),--safety "$$SAFETY")
$(OPERATORS):
	@$(RUN) -m lab $@ --stack "$$STACK" $(WORDS_$@)

render: $(READY) ## Write the YAML of STACK into DIR for review: no cluster, no secrets
	@test -n "$$DIR" || { echo "error: say where the YAML goes: make render STACK=... DIR=rendered" >&2; exit 2; }
	@$(RUN) -m lab render --stack "$$STACK" --dir "$$DIR"

verify: $(READY) ## Check the file of STACK: loads, passes the manifest rules, equals its committed render; no passphrase, no cluster
	@$(RUN) -m lab verify --stack "$$STACK"

unit: $(READY) ## The tests that start nothing, without Go, root or network, on every processor
	@$(RUN) -m tests.guard "make unit" 10 $(RUN) -m pytest -q -n auto --dist worksteal --timeout 120 \
		-m "not cluster and not linters and not images and not engine"

# Twice the processes of a small machine's processors: these tests wait for others' time limits, too.
test: unit ## Every test but those that need the cluster
	@$(RUN) -m tests.guard "make test" 30 $(RUN) -m pytest -q -n 4 --dist loadgroup --timeout 900 --durations=10 \
		-m "(images or engine) and not cluster and not linters"

e2e: $(READY) ## What a user does with a stack, on the lab's cluster and both image families of Portus; starts what it needs
	@$(RUN) -m tests.tiers e2e

e2e-share: $(READY) ## A quarter of the other tests on the lab's cluster (SHARE=1 to 4; else the commit chooses, as in CI)
	@$(RUN) -m tests.tiers share $(SHARE)

e2e-all: $(READY) ## Every test on the lab's cluster: e2e and the four shares
	@$(RUN) -m tests.tiers e2e-all

genuine: $(READY) ## The main job, the lifecycle and one rotation on Pulumi's own Kubernetes plugin, built if it is not installed (docs/develop/lab.md)
	@$(RUN) -m lab genuine

replay: $(READY) ## Play RECORDINGS=file.json against a fresh Portus double (CORE=1: the core cases only)
	@test -n "$$RECORDINGS" || { echo "error: say which recordings: make replay RECORDINGS=file.json" >&2; exit 2; }
	@$(RUN) -m lab replay "$$RECORDINGS" $(if $(CORE),--core) $(if $(VERSION),--version "$$VERSION")

bench: $(READY) ## Compare preview and no-op up with a floor of literal dictionaries (JSON=file)
	@$(RUN) -m lab bench $(if $(JSON),--json "$$JSON")

lint: $(READY) ## Style of the Python code, wording of the pages
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(RUN) -m lab prose

lint-manifests: $(READY) ## Lint the YAML of every stack against tests/manifests/waivers.yaml; keep the score in docs/develop/manifests.md
	@$(RUN) -m pytest -q -m linters tests/manifests
	@$(RUN) -m lab lint-manifests

types: $(READY) ## Types of the Python code, strict
	@$(VENV)/bin/mypy __main__.py components ops lab policies tests

format: $(READY) ## Format the Python code
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

golden: $(READY) ## Write the generated files again, for review: pictures, golden lists and renders, settings' manual and schema, reports
	@$(RUN) -m tests.golden
	@$(RUN) -m components.settings.reference
	@$(RUN) -m tests.settings.corpus

clean: ## Remove the virtualenv and what the checks left (the lab goes with `make down`)
	@rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache
