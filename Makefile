# Everything a person does with Kurs starts here: `make help`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PACKAGES := libs/kurs libs/kurs-testing services/api-gateway services/payments services/fx services/wallet services/risk services/webhooks operator loadtest devstack charts/tooling requirements observability simulation
SOURCES := $(addprefix services/,api-gateway payments fx wallet risk webhooks) operator
DEPLOYABLES := $(notdir $(SOURCES))
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null || echo $(VENV)/bootstrap/bin/uv)
COMPILE := $(UV) pip compile -q --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-header \
  $(if $(UPGRADE),--upgrade) $(foreach package,$(PACKAGES),--no-emit-package $(patsubst kurs-kurs%,kurs%,kurs-$(notdir $(package))))
MERCHANT ?= shop
ROLES ?= pay,read
# More about a key: KEY="--name 'web shop' --not-after 365d --addresses 203.0.113.0/24 --rate 500/second"
KEY ?=
CLUSTER_TESTS ?= tests/cluster
# Branches and lines of services, operator and libs/kurs that the tests take, in percent.
COVERED := 95
DOMAINS := payments fx wallet risk webhooks
MONITORING := monitoring
# Where the charts of others come from, and their versions.
PUBLIC_CHARTS := oci://ghcr.io
PROMETHEUS_STACK := 88.5.3
TEMPO := 2.2.4
METRICS_SERVER := 3.13.0
ENVIRONMENT := $(VENV)/.ready
ENV ?= dev
# Without a TAG of yours an environment names its own: dev, or the version of the chart.
CHOSEN_TAG := $(if $(TAG),--set global.image.tag=$(TAG))
TAG ?= dev
SCRIPTS := .ci/run tests/observability/collector/build
BUILD ?= docker build
RUN ?= docker run --rm
HELM ?= helm

.PHONY: help
help: ## show this help
	@if [ -t 1 ]; then name='\033[36m%-24s\033[0m'; else name='%-24s'; fi; \
	  awk -v name="$$name" 'BEGIN {FS = ":.*## "} /^[a-zA-Z0-9_-]+:.*## / {printf "  " name " %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set up ------------------------------------------------------------------

.PHONY: setup
setup: $(ENVIRONMENT) ## install everything into .venv, from the lock file

$(ENVIRONMENT): requirements/dev.txt $(PACKAGES:%=%/pyproject.toml)
	@command -v $(PYTHON) >/dev/null || { echo "there is no $(PYTHON): install Python 3.11 or newer, or name one: make PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit("Kurs needs Python 3.11 or newer, this is %s: install one and run make PYTHON=python3.13" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@mkdir -p $(VENV)
	@command -v $(UV) >/dev/null || { $(PYTHON) -m venv $(VENV)/bootstrap && $(VENV)/bootstrap/bin/pip install -q --require-hashes -r requirements/build.txt; }
	@test -x $(BIN)/python || $(UV) venv -q --allow-existing --python $(PYTHON) $(VENV)
	@echo "installing into $(VENV)"
	@$(UV) pip sync -q --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation $(PACKAGES:%=-e ./%)
	@touch $@

.PHONY: lock
lock: ## write the lock files anew; UPGRADE=1 to the newest within the bounds of the pyproject files
	@$(COMPILE) -o requirements/dev.txt requirements/dev.in $(PACKAGES:%=%/pyproject.toml)
	@$(COMPILE) -c requirements/dev.txt -o requirements/build.txt requirements/build.in
	@for source in $(SOURCES); do \
	  $(COMPILE) -c requirements/dev.txt -o requirements/$$source.txt libs/kurs/pyproject.toml $$source/pyproject.toml; \
	done

# --- run ---------------------------------------------------------------------

.PHONY: demo
demo: $(ENVIRONMENT) ## start the gateway, pay 1,000 payments, show what happened; KEEP=1 stays, PORT=9000 is the gateway's
	@$(BIN)/python -m loadtest.demo $(if $(KEEP),--keep) $(if $(PORT),--port $(PORT)) $(DEMO)

.PHONY: dev
dev: $(ENVIRONMENT) ## run the gateway on ports 8080-8085 with reload, until Ctrl-C; PORT=9000, OBSERVED=1: with Grafana
	@$(BIN)/python -m devstack $(if $(PORT),--port $(PORT)) $(if $(OBSERVED),--observed)

# What to break while `make dev` runs: docs/kill-this.md.
.PHONY: kill freeze resume restart
kill freeze resume restart: $(ENVIRONMENT) ## end, hang, unhang or restart a service of make dev: make kill SERVICE=wallet
	@$(BIN)/python -m devstack.orders $@ $(or $(SERVICE),$(error name one: make $@ SERVICE=wallet))

.PHONY: webhook-listen
webhook-listen: $(ENVIRONMENT) ## receive the events of make dev, verify and print them, until Ctrl-C
	@$(BIN)/python -m devstack.webhook_listener

.PHONY: api-key
api-key: $(ENVIRONMENT) ## print a new API key of this laptop once (kurs_dev_…): make api-key MERCHANT=shop ROLES=pay,read KEY="--not-after 90d"
	@umask 077 && mkdir -p var && $(BIN)/python -m api_gateway.keys issue --env dev --merchant $(MERCHANT) --roles $(ROLES) --file var/api-keys.json $(KEY)

.PHONY: api-keys
api-keys: $(ENVIRONMENT) ## list the API keys of var/api-keys.json
	@$(BIN)/python -m api_gateway.keys list --file var/api-keys.json

.PHONY: bench
bench: $(ENVIRONMENT) ## measure payments/s, latency and CPU per payment, beside a naive chain: BASE= SAVE= files
	@$(BIN)/python -m loadtest.bench $(if $(BASE),--base $(BASE)) $(if $(SAVE),--save $(SAVE)) $(BENCH)

.PHONY: bench-turns
bench-turns: $(ENVIRONMENT) ## measure in turns what this costs beside OTHER=path/to/a/checkout, or WITHOUT=trust: DATABASE= RATE= TURNS=
	@$(BIN)/python -m loadtest.turns $(if $(OTHER),--other $(OTHER)) $(if $(WITHOUT),--without $(WITHOUT)) \
	  $(if $(DATABASE),--database $(DATABASE)) $(if $(RATE),--rate $(RATE)) $(if $(TURNS),--turns $(TURNS)) $(BENCH)

.PHONY: bench-webhooks
bench-webhooks: $(ENVIRONMENT) ## measure what a destination costs payments, and 1,000 of which 120 are dead or slow (minutes): DATABASE=postgresql
	@$(BIN)/python -m loadtest.turns --without destinations --rate 150 $(if $(DATABASE),--database $(DATABASE))
	@$(BIN)/python -m loadtest.webhooks $(if $(DATABASE),--database $(DATABASE))

.PHONY: bench-faults
bench-faults: $(ENVIRONMENT) ## measure what a locked row, a stopped backend or a killed primary costs other payments
	@$(BIN)/python -m loadtest.faults $(BENCH)

.PHONY: bench-changes
bench-changes: $(ENVIRONMENT) ## kill and switch the primary of PostgreSQL in turns, under load: how soon is paid again, and is all there (CHANGES=10)
	@$(BIN)/python -m loadtest.changes $(if $(CHANGES),--changes $(CHANGES)) $(BENCH)

# --- Kubernetes --------------------------------------------------------------

.PHONY: images
images: ## build an image of each service and the operator: make images TAG=dev BUILD="docker build"
	@for source in $(SOURCES); do \
	  name=$${source##*/}; echo "building kurs/$$name:$(TAG)"; \
	  $(BUILD) -q --build-arg SOURCE=$$source -t kurs/$$name:$(TAG) \
	    --label org.opencontainers.image.revision=$$(git rev-parse --short HEAD 2>/dev/null) . \
	    >/dev/null || exit 1; \
	done

.PHONY: kind-load
kind-load: ## bring those images into the cluster of kind-up, whose nodes have no registry
	@kind load docker-image --name kurs $(DEPLOYABLES:%=kurs/%:$(TAG))

.PHONY: documents
documents: $(ENVIRONMENT)
	@$(BIN)/python -m kurs_operator.local --once --samples k8s/samples --out var/config

.PHONY: deploy
deploy: documents ## install or upgrade an environment: make deploy ENV=dev TAG=dev HELM_ARGS="--set ..."
	@$(HELM) upgrade --install kurs charts/kurs -n kurs-$(ENV) --create-namespace \
	  -f k8s/environments/$(ENV).yaml --wait --timeout 10m \
	  --set-file config.documents.fx=var/config/fx/config.json \
	  --set-file config.documents.risk=var/config/risk/config.json \
	  --set-file config.documents.webhooks=var/config/webhooks/config.json $(CHOSEN_TAG) $(HELM_ARGS) \
	|| { echo "not deployed. Where it says only \"context deadline exceeded\", pods were not ready in time: see" >&2; \
	  echo "  kubectl -n kurs-$(ENV) get pods" >&2; \
	  echo "  kubectl -n kurs-$(ENV) logs <pod> --all-containers" >&2; \
	  echo "A name that is not known there: name your DNS in global.network.dns, and servers in" >&2; \
	  echo "global.network.databases; more is in docs/operations.md, \"When an installation fails\"." >&2; exit 1; }

.PHONY: undeploy
undeploy: ## uninstall it; docs/operations.md says what stays
	@$(HELM) uninstall kurs -n kurs-$(ENV) --wait
	@echo "rates, limits and destinations stay, and go on to say what they last said: nobody is left to say otherwise"
	@echo "what else stays: docs/operations.md, \"Updates\""

.PHONY: poke-keys
poke-keys: ## let the gateway's pods of ENV see changed API keys now, not within a minute
	@kubectl -n kurs-$(ENV) annotate pods -l app.kubernetes.io/component=api-gateway --overwrite \
	  kurs.dev/keys-changed="$$(date +%s)"

.PHONY: hpa-demo
hpa-demo: $(ENVIRONMENT) ## scale ENV under load and back in: make hpa-demo ENV=dev HPA_DEMO="--steps 20,80,20"
	@$(BIN)/python -m loadtest.hpa_demo -n kurs-$(ENV) $(HPA_DEMO)

.PHONY: port-forward
port-forward: ## gateway 8080, Grafana 3000 and Prometheus 9090 on localhost, until Ctrl-C
	@trap 'kill 0' EXIT; \
	kubectl -n kurs-$(ENV) port-forward service/api-gateway 8080 & \
	if kubectl get namespace $(MONITORING) >/dev/null 2>&1; then \
	  kubectl -n $(MONITORING) port-forward service/kube-prometheus-stack-grafana 3000:80 & \
	  kubectl -n $(MONITORING) port-forward service/kube-prometheus-stack-prometheus 9090 & \
	fi; wait

.PHONY: doctor
doctor: $(ENVIRONMENT) ## say which tools for Kubernetes are missing or too old, and how to get them
	@$(BIN)/python -m kurs_charts.doctor

.PHONY: kind-up
kind-up: ## a cluster on this machine with metrics-server, Prometheus, Grafana, Tempo and namespaces
	@kind get clusters 2>/dev/null | grep -qx kurs || kind create cluster --config k8s/kind/cluster.yaml
	@kubectl config use-context kind-kurs
	@kubectl apply -f k8s/namespaces.yaml
	@$(HELM) upgrade --install metrics-server metrics-server --version $(METRICS_SERVER) \
	  --repo https://kubernetes-sigs.github.io/metrics-server -n kube-system \
	  --set 'args={--kubelet-insecure-tls}' --wait
	@$(MAKE) monitoring LAPTOP=1

.PHONY: kind-down
kind-down: ## remove that cluster and all that is in it
	@kind delete cluster --name kurs

.PHONY: monitoring
monitoring: ## install Prometheus, Grafana, Tempo, dashboards, alerts; LAPTOP=1: Grafana without sign-in
	@$(HELM) upgrade --install kube-prometheus-stack $(PUBLIC_CHARTS)/prometheus-community/charts/kube-prometheus-stack \
	  --version $(PROMETHEUS_STACK) -n $(MONITORING) --create-namespace --wait --timeout 10m \
	  -f observability/kube-prometheus-stack/values.yaml $(if $(LAPTOP),-f observability/kube-prometheus-stack/laptop.yaml)
	@$(HELM) upgrade --install tempo $(PUBLIC_CHARTS)/grafana-community/helm-charts/tempo \
	  --version $(TEMPO) -n $(MONITORING) --wait --timeout 5m -f observability/tempo/values.yaml
	@$(HELM) upgrade --install kurs-observability charts/kurs-observability -n $(MONITORING)
	@echo "make port-forward, then Grafana is at http://localhost:3000, Prometheus at http://localhost:9090"
	@echo "admin's password: kubectl -n $(MONITORING) get secret kube-prometheus-stack-grafana -o jsonpath='{.data.admin-password}' | base64 -d"

.PHONY: chart-schemas
chart-schemas: $(ENVIRONMENT) ## write what follows from values.yaml: shared values, schemas, docs/values.md, golden output
	@$(BIN)/python -m kurs_charts
	@KURS_WRITE_GOLDEN=1 $(BIN)/pytest -q tests/charts/test_golden.py -k committed

# --- prove -------------------------------------------------------------------

.PHONY: test
test: $(ENVIRONMENT) ## run every test that this machine can run
	@$(BIN)/pytest -m "not long" $(TEST)

.PHONY: test-domains
test-domains: $(ENVIRONMENT) ## the pure rules by their own tests, which go every way through them
	@COVERAGE_FILE=$(VENV)/.coverage-domains $(BIN)/pytest -q tests/*/domain $(DOMAINS:%=--cov=%.domain) \
	  --cov-config=/dev/null --cov-branch --cov-fail-under=100 --cov-report=term-missing:skip-covered $(TEST)

.PHONY: coverage
coverage: $(ENVIRONMENT) ## every test, and which branches none of them takes: var/coverage/index.html
	@mkdir -p var && COVERAGE_FILE=$(CURDIR)/var/.coverage $(BIN)/pytest -q -m "not long" --cov --cov-report= $(TEST)
	@COVERAGE_FILE=var/.coverage $(BIN)/coverage html -q -d var/coverage
	@COVERAGE_FILE=var/.coverage $(BIN)/coverage report --skip-covered --sort=cover --fail-under=$(COVERED)

GROWTH ?= 1000000
.PHONY: growth
growth: $(ENVIRONMENT) ## what a payment and each read cost at GROWTH= stored payments (minutes): DATABASE=postgresql
	@$(BIN)/python -m loadtest.growth --payments $(GROWTH) $(if $(DATABASE),--database $(DATABASE))

SEEDS ?= 12
.PHONY: simulate
simulate: $(ENVIRONMENT) ## run the gateway in virtual time with everything going wrong: SEEDS= FROM= SEED= HOURS= FAULTS= LOG=
	@$(BIN)/python -m simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS)) $(if $(FROM),--first $(FROM)) $(if $(LOG),--log $(LOG)) \
	  $(if $(HOURS),--hours $(HOURS)) $(if $(PAYMENTS),--payments $(PAYMENTS)) $(if $(FAULTS),--faults $(FAULTS)) $(SIMULATE)

.PHONY: simulate-mutants
simulate-mutants: $(ENVIRONMENT) ## plant each known fault into the gateway and look whether 200 seeds find it (an hour)
	@$(BIN)/python -m simulation --mutants --seeds 200

.PHONY: simulate-twice
simulate-twice: $(ENVIRONMENT) ## run 50 seeds alone and after one another: the same trace, byte for byte (minutes)
	@$(BIN)/python -m simulation --twice --seeds 50

.PHONY: simulate-pythons
simulate-pythons: $(ENVIRONMENT) ## the same seeds on another Python, and the same traces: OTHER=python3.13
	@$(UV) venv -q --allow-existing --python $(OTHER) $(VENV)/other
	@$(UV) pip sync -q --python $(VENV)/other/bin/python --require-hashes requirements/dev.txt
	@$(UV) pip install -q --python $(VENV)/other/bin/python --no-deps --no-build-isolation $(PACKAGES:%=-e ./%)
	@OTHER_PYTHON=$(VENV)/other/bin/python $(BIN)/pytest -q tests/simulation/test_world.py -k other_python

.PHONY: simulate-speed
simulate-speed: $(ENVIRONMENT) ## measure the simulator: payments/s of one core, times real time, seeds a CPU hour (minutes)
	@$(BIN)/python -m simulation --speed --seeds 6

SIMULATED := */payments/*.py,*/payments/store/*.py,*/wallet/domain/*.py,*/wallet/store/*.py
.PHONY: simulate-coverage
simulate-coverage: $(ENVIRONMENT) ## which lines of payments and of the ledger no seed reaches: SEEDS=
	@mkdir -p var && PYTHONHASHSEED=0 COVERAGE_FILE=var/.coverage-simulate $(BIN)/coverage run --rcfile=/dev/null \
	  --include='$(SIMULATED)' -m simulation --jobs 0 --seeds $(SEEDS)
	@COVERAGE_FILE=var/.coverage-simulate $(BIN)/coverage report --rcfile=/dev/null --show-missing --skip-covered

.PHONY: test-integration-docker
test-integration-docker: ## the tests of whole stacks, on SQLite and PostgreSQL, in a container: TEST="tests/wallet -x"
	@$(BUILD) -f tests/Dockerfile -t kurs/integration:$(TAG) .
	@$(RUN) kurs/integration:$(TAG) $(TEST)

.PHONY: test-crash
test-crash: $(ENVIRONMENT) ## kill -9 each service in turn under load, for minutes
	@$(BIN)/pytest tests/crash $(TEST)

.PHONY: observability
observability: $(ENVIRONMENT) ## write docs/metrics.md, the rules and the dashboards anew from the code
	@$(BIN)/python -m kurs_observability

.PHONY: test-charts
test-charts: $(ENVIRONMENT) ## render every chart in every environment and hold it to schemas and policies
	@$(BIN)/pytest tests/charts $(TEST)

.PHONY: test-cluster
test-cluster: $(ENVIRONMENT) ## install, load, kill, scale and upgrade on the cluster that KUBECONFIG names
	@test -n "$$KUBECONFIG" || { echo "set KUBECONFIG to the cluster to test on"; exit 1; }
	@$(BIN)/pytest $(CLUSTER_TESTS) $(TEST) $(if $(ONCE_MORE),|| $(BIN)/pytest $(CLUSTER_TESTS) $(FAILED))

.PHONY: check
check: check-style check-types check-layers check-dead-code check-dependencies check-console check-shell check-yaml check-charts check-locks ## all that holds without running: style, types, layers, dead code, dependencies, locks, licences

.PHONY: check-style
check-style: $(ENVIRONMENT)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "make format"; exit 1; }

.PHONY: check-types
check-types: $(ENVIRONMENT)
	@$(BIN)/mypy

.PHONY: check-layers
check-layers: $(ENVIRONMENT)
	@$(BIN)/lint-imports --no-logo

.PHONY: check-dead-code
check-dead-code: $(ENVIRONMENT)
	@$(BIN)/vulture

# What a package imports stands in its own pyproject.toml, and nothing else does.
.PHONY: check-dependencies
check-dependencies: $(ENVIRONMENT)
	@names=; for package in $(PACKAGES); do \
	  name=$${package##*/}; names=$$names$${names:+,}kurs-$${name#kurs-}=$$(basename $$(dirname $$package/src/*/__init__.py)); \
	done; \
	failed=0; for package in $(PACKAGES); do \
	  $(BIN)/deptry $$package/src --config $$package/pyproject.toml --package-module-name-map $$names \
	    --known-first-party $$(basename $$(dirname $$package/src/*/__init__.py)) >$(VENV)/deptry 2>&1 \
	    || { cat $(VENV)/deptry; failed=1; }; \
	done; exit $$failed

.PHONY: check-console
check-console: $(ENVIRONMENT)
	@$(BIN)/oxlint --silent --deny-warnings .

.PHONY: check-shell
check-shell: $(ENVIRONMENT)
	@$(BIN)/shellcheck $(SCRIPTS)

.PHONY: check-yaml
check-yaml: $(ENVIRONMENT)
	@$(BIN)/yamllint -s .
	@$(BIN)/zizmor -q --offline --persona=pedantic .github

.PHONY: check-charts
check-charts: $(ENVIRONMENT)
	@$(BIN)/python -m kurs_charts --check

# Reading what is installed takes most of a check's time, so it is done when something of it changed.
.PHONY: check-locks
check-locks: $(VENV)/.locks
$(VENV)/.locks: $(ENVIRONMENT) $(wildcard requirements/*.txt requirements/*/*.txt requirements/src/*/*.py) Dockerfile
	@$(BIN)/python -m kurs_requirements.lock requirements
	@$(BIN)/python -m kurs_requirements.licences
	@touch $@

# A busy machine may starve a test of its time. With ONCE_MORE=1 what failed runs again, alone: both
# runs name it, and it is to be mended. What is really broken fails again, a property by its example.
FAILED := -q --last-failed --last-failed-no-failures=none

.PHONY: ci
ci: setup check test-domains ## what a change has to pass: setup, check, test
	@$(MAKE) --no-print-directory test TEST="-q $(TEST)" \
	  $(if $(ONCE_MORE),|| $(MAKE) --no-print-directory test TEST="$(FAILED)")

.PHONY: audit
audit: $(ENVIRONMENT) ## ask for known vulnerabilities of everything that the lock files pin
	@for lock in requirements/*.txt requirements/services/*.txt; do \
	  echo "$$lock"; $(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r $$lock || exit 1; \
	done

.PHONY: sbom
sbom: $(ENVIRONMENT) ## write a bill of materials for each image (CycloneDX): var/sbom
	@$(BIN)/python -m kurs_requirements.sbom var/sbom

.PHONY: format
format: $(ENVIRONMENT) ## format the code
	@$(BIN)/ruff check --fix -q .
	@$(BIN)/ruff format .

.PHONY: clean
clean: ## remove the environment, caches and local databases
	@rm -rf $(VENV) var .mypy_cache .pytest_cache .ruff_cache .hypothesis
