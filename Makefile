# The main ones are `make demo` and `make test`. Each sets up .venv first. Without make: see README.md.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint tables ablation augmentation comparison units results benchmark detector clean

demo: .venv/ready
	rm -rf checkpoint/demo_9_no_refine
	$(BIN)/python run_ftcm.py --dataset cmu -f 9 --layers 2 --d_hid 128 --train 1 -c demo --nepoch 20 \
	    --max_minutes 2.5 -b 128 --lr 2e-3 -lrd 0.85 --stride 40 --val_stride 40 --test_stride 16

tables: .venv/ready
	$(BIN)/python -m experiments.tables

ablation: .venv/ready
	$(BIN)/python -m experiments.ablation

augmentation: .venv/ready
	$(BIN)/python -m experiments.augmentation

comparison: .venv/ready
	$(BIN)/python -m experiments.comparison

units: .venv/ready
	$(BIN)/python -m experiments.units

results: .venv/ready
	$(BIN)/python -m experiments.results

# With the tests' packages, so that ONNX Runtime is there.
benchmark: .venv/ready-for-tests
	$(BIN)/python -m experiments.benchmark

test: .venv/ready-for-tests
	$(BIN)/python -m pytest -q --durations=5 tests

lint: .venv/ready-for-tests
	$(BIN)/python -m ruff check .

# Bytecode is compiled when a module is first imported: most of PyTorch never is.
.venv/ready: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --no-compile -r requirements.txt
	touch $@

.venv/ready-for-tests: .venv/ready tests/requirements.txt
	$(BIN)/python -m pip install --no-compile -r tests/requirements.txt
	touch $@

# Another environment: MediaPipe wants older packages. For films: run_ftcm.py --predict FILM.
detector: .venv-detector/ready

.venv-detector/ready: dataset/detector_requirements.txt
	$(PYTHON) -m venv .venv-detector
	.venv-detector/bin/python -m pip install --no-compile -r dataset/detector_requirements.txt
	touch $@

clean:
	rm -rf .venv .venv-detector
