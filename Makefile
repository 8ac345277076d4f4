# `make demo` and `make test` need Python 3.10+ and git. They make a virtual environment on the first run and reuse
# it afterwards. With a ROS 2 sourced they use that one, otherwise ROS 2 wheels (x86_64 Linux).
#
#   make test TESTS=test/safety/test_guard.py WORKERS=0    only some tests, in one process
#   make demo DEMO="--goals 20 --seed 3"
#   make test WHEELS=jazzy                with Jazzy wheels       make venv TORCH_INDEX=URL  for torch's CPU build
#   make docs                             the documentation site, in build/docs
#   make coverage                         lines and branches that the tests run, in all processes that they start

PYTHON ?= python3
WHEELS ?= kilted
TORCH_INDEX ?=
TESTS ?= test
# One more than cores, since tests wait half of the time. Each keeps to ROS domains of its own.
WORKERS ?= 3
DEMO ?= --robot pusher --goals 5 --out demo

# Empty, or the sourced ROS 2. Wheels beside a sourced ROS 2 are refused: the reason is on stderr.
SOURCED := $(shell $(PYTHON) -m wm_ros.environment || echo refused)
ifeq ($(SOURCED),refused)
$(error stopped by the environment, see above)
endif

EXTRAS := sim,so101,tasks,train,encoders,eval,dev
ifneq ($(SOURCED),)
VENV ?= .venv-$(or $(ROS_DISTRO),ros)
else
VENV ?= $(if $(filter kilted,$(WHEELS)),.venv,.venv-$(WHEELS)-wheels)
EXTRAS := ros,$(EXTRAS)
endif
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check install -qq
TORCH := $(shell grep '^torch==' constraints.txt)
PUSHT := $(shell grep '^gym-pusht==' constraints.txt)
# One thread per process: the tests start several, and torch with two threads on two busy cores crawls.
RUN := OMP_NUM_THREADS=1 $(VENV)/bin

.PHONY: venv demo test lint style types unit docs coverage clean

demo: venv
	$(RUN)/wm_ros demo $(DEMO)

# Types are checked while the tests run.
test: style
	@$(MAKE) --no-print-directory -j 2 types unit

lint: style types

style: venv
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .

types: venv
ifeq ($(SOURCED)$(filter-out kilted,$(WHEELS)),)
	@# Each rclpy has type hints of its own: those of Kilted's are checked.
	$(RUN)/mypy
endif

unit: venv
	$(RUN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(TESTS)

docs: $(VENV)/docs-ready
	$(RUN)/python -m sphinx -W --keep-going -q -b html doc build/docs
	@echo "The documentation is in build/docs/index.html"

coverage: venv
	$(RUN)/coverage erase
	$(RUN)/coverage run -m pytest $(TESTS); code=$$?; \
	$(RUN)/coverage combine -q && $(RUN)/coverage html -q -d build/coverage && $(RUN)/coverage report && exit $$code

venv: $(VENV)/ready

$(VENV)/ready: setup.py constraints.txt constraints-$(WHEELS).txt
	@echo "Installing into $(VENV), with ROS 2 from $(or $(SOURCED),$(WHEELS) wheels); this takes minutes, once"
	$(PYTHON) -m venv $(if $(SOURCED),--system-site-packages) $(VENV)
ifneq ($(SOURCED),)
	@# NumPy stays the one that ROS 2 was built against.
	@$(PYTHON) -c 'import numpy; print(f"numpy=={numpy.__version__}")' > $(VENV)/constraints.txt
	@echo "$(TORCH)" >> $(VENV)/constraints.txt
else
	@cat constraints.txt constraints-$(WHEELS).txt > $(VENV)/constraints.txt
endif
	@$(VENV)/bin/python -m wm_ros.environment > /dev/null
	@# The pip that comes with Python 3.10 looks for fitting versions for hours.
	@$(PIP) 'pip>=24.1'
	@# The CPU build of torch where an index has it; PyPI's build for Linux brings gigabytes of CUDA.
	@$(PIP) --no-deps $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) $(TORCH)+cpu $(if $(TORCH_INDEX),,2>/dev/null) \
	|| echo "No CPU build of $(TORCH) found: taking the default build (TORCH_INDEX=... names PyTorch's CPU index)"
	@$(PIP) -e '.[$(EXTRAS)]' -c $(VENV)/constraints.txt
	@# Its opencv-python would overwrite opencv-python-headless; the rest that it needs is in the extra `tasks`.
	@$(PIP) --no-deps $(PUSHT)
	@touch $@

$(VENV)/docs-ready: $(VENV)/ready
	@$(PIP) -e '.[docs]' -c $(VENV)/constraints.txt
	@touch $@

clean:
	rm -rf .venv .venv-* build install log *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage .coverage.* doc/generated
