.PHONY: install check format test ci docs

install:  ## into the active virtual environment, with what development needs
	pip install -e '.[dev]'

check:    ## lint, format, types, layers
	ruff check
	ruff format --check
	pyright
	lint-imports

format:
	ruff check --fix
	ruff format

test:
	pytest -n auto

docs:     ## write the generated parts: the config reference of the README, configs/schema.json
	python docs/generate.py

ci:       ## everything, on a clean checkout in a fresh virtual environment
	bash .ci/run
