# Two commands: `make demo` and `make test`. Both set up .venv first. Without make: see README.md.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test clean

demo: .venv/ready
	rm -rf checkpoint/demo_27_no_refine
	$(BIN)/python run_ftcm.py --dataset cmu -f 27 --layers 2 --d_hid 128 --train 1 -c demo \
	    --nepoch 12 --max_minutes 3.5 -b 64 -lrd 0.75 --stride 60 --val_stride 40 --test_stride 8

test: .venv/ready-for-tests
	$(BIN)/python -m pytest -q --durations=5 tests

# Bytecode is compiled when a module is first imported: most of PyTorch never is.
.venv/ready: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile -r requirements.txt
	touch $@

.venv/ready-for-tests: .venv/ready tests/requirements.txt
	$(BIN)/python -m pip install --quiet --no-compile -r tests/requirements.txt
	touch $@

clean:
	rm -rf .venv checkpoint/*/
