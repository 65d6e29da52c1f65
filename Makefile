.PHONY: install check format test soak soak-small run-soak release-check ci docs

install:  ## install the package and the tools for development into the active environment
	pip install -e '.[dev]'

check:    ## lint, format, types, imports
	ruff check
	ruff format --check
	pyright
	lint-imports

format:
	ruff check --fix
	ruff format

test:
	pytest -n auto

soak:     ## the long, random tests: hours; docs/internals/reliability.md has their figures (those of full disks need root)
	$(MAKE) run-soak SIZE= FUZZ="--runs 1000000"

soak-small: ## a part of each: minutes
	$(MAKE) run-soak SIZE=--small FUZZ=--small

run-soak:
	python benchmarks/kills.py $(SIZE)
	python benchmarks/cluster.py kills $(SIZE)
	python benchmarks/exits.py $(SIZE)
	python benchmarks/corruptions.py $(SIZE)
	test $$(id -u) -ne 0 || python benchmarks/disk.py $(SIZE)
	python benchmarks/long_runs.py all $(SIZE)
	python benchmarks/serve.py all $(SIZE)
	python benchmarks/fuzz.py all $(FUZZ)

release-check: ## whether sdist and wheel, built twice, have the same digests
	python benchmarks/release.py

docs:     ## write docs/reference/ and configs/schema.json from the code
	python docs/generate.py

ci:       ## everything, on a clean checkout in a fresh virtual environment
	bash .ci/run
