.PHONY: install check format test ci docs

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

docs:     ## write docs/reference/ and configs/schema.json from the code
	python docs/generate.py

ci:       ## everything, on a clean checkout in a fresh virtual environment
	bash .ci/run
