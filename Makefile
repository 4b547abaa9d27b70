# Residual. `make demo` shows the main job, `make test` runs everything that must hold.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO           ?= go
LINT_VERSION := v2.15.0
LINT         := .bin/golangci-lint-$(LINT_VERSION)

# Version and commit, where git knows them: go build stamps them itself, unless it is told not to. A tree that is not the commit's
# says so in both.
CHANGES := $(shell [ -z "$$(git status --porcelain 2>/dev/null)" ] || echo +changes)
VERSION ?= $(addsuffix $(CHANGES),$(shell git describe --tags --exact-match 2>/dev/null))
COMMIT  ?= $(addsuffix $(CHANGES),$(shell git rev-parse --short=12 HEAD 2>/dev/null))
STAMP    = -X main.stampedVersion=$(VERSION) -X main.stampedCommit=$(COMMIT)

# What a release has programs for, and what lists their parts.
RELEASES := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
SBOM     := .bin/cyclonedx-gomod-v1.10.0

# What makes and runs a container image: CONTAINER='podman --runtime runc' where crun does not run.
CONTAINER  ?= $(if $(shell command -v podman),podman,docker)
IMAGE      ?= residual
IMAGE_ARCH ?= $(shell $(GO) env GOARCH)

# What it builds and runs on. Others lack what the store asks of a file system.
SYSTEMS := linux/amd64 linux/arm64 darwin/arm64 darwin/amd64 freebsd/amd64

# The race detector needs a C compiler on Linux. Without one the tests still run, and say so.
RACE := $(shell command -v "$$($(GO) env CC)" >/dev/null 2>&1 && echo -race)

# Per package.
TEST_TIMEOUT ?= 20m
PACKAGES     ?= ./...

# Per fuzz target.
FUZZTIME ?= 30s

# What `make bench` runs, and for how long each.
BENCH     ?= .
BENCHTIME ?= 1s
COUNT     ?= 1

# How many times as many as `make test` `make crash` tries: crashes of the log, of the engine, and in its recovery; faults, pairs of them in
# the engine, and faults in its recovery; crashes and faults of backups; and how often it kills the program. With these there are over 1,000,000 states after a crash,
# every single fault, over 10,000 pairs of faults, and every flipped bit.
CRASH_SCALE    ?= 180
ENGINE_SCALE   ?= 80
AGAIN_SCALE    ?= 20
FAULT_SCALE    ?= 40
PAIR_SCALE     ?= 26
RECOVERY_SCALE ?= 5
BACKUP_SCALE   ?= 40
KILL_CYCLES    ?= 300
BACKUP_KILLS   ?= 60
DEPLOY_KILLS  ?= 40
DEPLOY_SCALE  ?= 20

# How often `make kafka` kills a server or the broker.
KAFKA_KILLS ?= 120

# More arguments for the comparison: go run ./bench/peers -help
PEERS_ARGS ?=

# More arguments for the demo: make demo ARGS=--exit
ARGS ?=

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: demo
demo: build ## a fleet of made-up models on the page, and the answers
	./residual demo $(ARGS)

.PHONY: test
test: ## vet, then all tests, shuffled, with the race detector, and power cuts, faults and other sweeps without it
	GOGC=400 $(GO) vet $(PACKAGES) # which takes a tenth less time where nothing is compiled yet
	@[ -n "$(RACE)" ] || echo "no C compiler found: testing without the race detector" >&2
	$(GO) test $(RACE) -vet=off -shuffle=on -timeout $(TEST_TIMEOUT) $(PACKAGES)
	[ -z "$(RACE)" ] || $(STORE_GC) $(GO) test -vet=off -shuffle=on -timeout $(TEST_TIMEOUT) -run '$(SWEEPS)' $(SWEPT)
	[ -z "$(RACE)" ] || $(GO) test -vet=off -shuffle=on -timeout $(TEST_TIMEOUT) $(WHOLE)

# The tests that go over many cases of one thing at a time, of which the race detector, ten times as slow, gets a share (internal/testing/race):
# those of SWEPT, by their names, and those of the packages in WHOLE.
SWEEPS := Crash|Fault|Late|Flip|Determinism|Taken|NoSpace|DiskFull|ManyRows|ManyModels|SlowReader|Operations|Differential|Revisions|NeverWere|Gates|Fleet
SWEEPS := $(SWEEPS)|BoundedToken|ExportedAnswers|ExportLosesLags|SeriesLayout|RowsInEveryFormat|CompressedAnswers
SWEPT  := ./cmd/residual ./engine ./httpapi ./project/deployments ./wal
WHOLE  := ./event ./internal/parquet ./internal/rowfile ./internal/testing/crashtest ./internal/testing/simdisk ./internal/workload ./project ./segment/...
WHOLE  += $(addprefix ./engine/internal/,actuals catalog clock head positions)

.PHONY: lint
lint: $(LINT) ## the pinned linter, and the formatting
	$(LINT) run $(PACKAGES)
	$(LINT) fmt --diff

.PHONY: fmt
fmt: $(LINT) ## format every file
	$(LINT) fmt

.PHONY: build
build: ## build the program: ./residual
	$(GO) build -ldflags '$(STAMP)' -o residual ./cmd/residual

.PHONY: release
release: $(SBOM) ## static programs for Linux and macOS in dist/, with checksums and the list of their parts
	VERSION='$(VERSION)' COMMIT='$(COMMIT)' TIME=$$(git log -1 --format=%ct) SBOM='$(CURDIR)/$(SBOM)' GO='$(GO)' \
		deploy/release.sh dist $(RELEASES)
	@cat dist/SHA256SUMS

.PHONY: release-again
release-again: ## makes what is in dist/ once more, in another folder and with nothing cached: it must have the same bytes
	@[ -f dist/SHA256SUMS ] || { echo "release-again: NOT RUN: make release goes before it" >&2; exit 1; }
	@again=$$(mktemp -d); trap 'rm -rf "$$again"' EXIT; mkdir "$$again/tree"; \
	git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -C "$$again/tree" -xf -; \
	cd "$$again/tree"; \
	VERSION='$(VERSION)' COMMIT='$(COMMIT)' TIME=$$(git -C '$(CURDIR)' log -1 --format=%ct) SBOM='$(CURDIR)/$(SBOM)' GO='$(GO)' \
		GOCACHE="$$again/cache" deploy/release.sh "$$again/dist" $(RELEASES); \
	diff '$(CURDIR)/dist/SHA256SUMS' "$$again/dist/SHA256SUMS"; \
	echo "release-again: the same bytes, with nothing cached, in $$again/tree"

.PHONY: sbom-check
sbom-check: ## the lists of parts in dist/ against CycloneDX's schema; needs Python 3 with venv, and installs its validator into .compat/
	@ls dist/*.cdx.json >/dev/null || { echo "sbom-check: NOT RUN: make release goes before it" >&2; exit 1; }
	python3 -m venv .compat/python || { echo "sbom-check: NOT RUN: it needs Python 3 with venv (Debian: python3-venv)" >&2; exit 1; }
	.compat/python/bin/pip install --quiet 'cyclonedx-python-lib[json-validation]>=11,<12'
	.compat/python/bin/python deploy/check-sbom.py dist/*.cdx.json

.PHONY: image
image: ## a container image of the program in dist/: IMAGE=residual CONTAINER=podman
	@[ -d dist/image-$(IMAGE_ARCH) ] || { echo "image: NOT MADE: make release goes before it" >&2; exit 1; }
	@command -v $(firstword $(CONTAINER)) >/dev/null || { echo "image: NOT MADE: it needs podman or docker (Debian: podman, runc)" >&2; exit 1; }
	BUILDAH_FORMAT=docker $(CONTAINER) build --build-arg TARGETARCH=$(IMAGE_ARCH) -t $(IMAGE) .

.PHONY: image-check
image-check: image ## runs that image as an operator does: a token, events, answers, a stop and a start
	CONTAINER='$(CONTAINER)' deploy/check-image.sh $(IMAGE)

.PHONY: unit-check
unit-check: ## the unit under a systemd of its own, with all that it forbids; needs root and systemd-nspawn, on Linux
	@[ "$$(id -u)" = 0 ] || { echo "unit-check: NOT RUN: only root may start a systemd" >&2; exit 1; }
	@{ command -v systemd-nspawn && command -v systemd-analyze && command -v nsenter; } >/dev/null || { \
		echo "unit-check: NOT RUN: it needs systemd-nspawn and systemd-analyze (Debian: systemd-container)" >&2; exit 1; }
	CGO_ENABLED=0 $(GO) build -ldflags '$(STAMP)' -o residual ./cmd/residual
	deploy/check-unit.sh residual

.PHONY: cross
cross: ## build the program for every system that it runs on, and vet its packages there
	@for system in $(SYSTEMS); do \
		echo "== $$system"; \
		GOOS=$${system%/*} GOARCH=$${system#*/} CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/residual; \
		GOOS=$${system%/*} GOARCH=$${system#*/} CGO_ENABLED=0 $(GO) vet ./...; \
	done

.PHONY: crash
crash: ## power cuts, failing disks, flipped bits and kill -9, some seventeen minutes of them
	@phase() { \
		echo "== $$1"; local began=$$SECONDS; \
		$(STORE_GC) $(GO) test -v -timeout 2h "$$2" -run "$$3" -args "$$4"; \
		echo "== $$1: $$((SECONDS - began)) s"; \
	}; \
	{ { \
		phase 'power cuts in the log, and again in its recovery' ./wal Crash -crash.scale=$(CRASH_SCALE); \
		phase 'power cuts in the engine' ./engine '^TestCrash$$' -crash.scale=$(ENGINE_SCALE); \
		phase 'power cuts in the recovery of the engine' ./engine 'CrashAgain|SalvageCrash' -crash.scale=$(AGAIN_SCALE); \
		phase 'power cuts in a backup and in a restore, and faults in them' ./engine 'Test(Backup|Restore)(Crash|Faults)$$' -crash.scale=$(BACKUP_SCALE); \
		phase 'faults, bits and determinism of the log' ./wal 'Fault|Late|Determinism|Flip' -crash.scale=$(FAULT_SCALE); \
		phase 'faults and bits of the engine' ./engine 'TestFaults|Flip' -crash.scale=$(FAULT_SCALE); \
		phase 'power cuts and faults of deployments' ./project/deployments 'Crash|Faults' -crash.scale=$(DEPLOY_SCALE); \
		phase 'pairs of faults in the engine' ./engine FaultPairs -crash.scale=$(PAIR_SCALE); \
		phase 'faults in the recovery of the engine, determinism' ./engine 'RecoveryFaults|Determinism' -crash.scale=$(RECOVERY_SCALE); \
		phase 'kill -9 under sixteen writers' ./cmd/residual '^TestKill$$' -kill.cycles=$(KILL_CYCLES); \
		phase 'kill -9 of a server that is deployed to' ./cmd/residual '^TestKillDeploy$$' -kill.deploys=$(DEPLOY_KILLS); \
		phase 'kill -9 of server and backup under sixteen writers' ./cmd/residual '^TestKillBackup$$' -kill.backups=$(BACKUP_KILLS); \
	} | $(SHOW) | $(CRASH_SUM); } 3>&1

# The heap of a small store on a simulated disk is a few MB: collecting it as often as by default costs a fifth of the time. The
# limit is for when what is allocated during a collection is mistaken for a larger heap.
STORE_GC := GOGC=400 GOMEMLIMIT=512MiB

# Shows each line as it comes, on descriptor 3: an awk may hold back what it reads from a pipe.
SHOW := while IFS= read -r line; do printf '%s\n' "$$line" >&3; printf '%s\n' "$$line"; done

# Adds up what the tests say.
CRASH_SUM = awk '/^=== RUN/ { crash = $$3 ~ /Crash/ } \
	/ checks over | flips| kills,/ { for (i = 3; i <= NF; i++) { n = $$(i-1); \
		if ($$i == "checks") { if (crash) states += n; else checks += n } \
		if ($$i == "violations,") violations += n; \
		if ($$i == "faults,") { faults += $$(i-3); possible += n } \
		if ($$i == "pairs,") pairs += n; \
		if ($$i ~ /^flips[,:]$$/) flips += n; \
		if ($$i == "kills,") kills += n } } \
	END { printf "total: %d states after a crash, %d of %d single faults and %d pairs of faults in %d checks, %d bits flipped, %d kills, %d violations\n", \
		states, faults, possible, pairs, checks, flips, kills, violations }'

.PHONY: faults
faults: ## real mounts, and ext4 that is shut down under writers; needs root and loop devices, installs e2fsprogs
	@[ "$$(id -u)" = 0 ] || { echo "faults: NOT RUN: only root may mount file systems" >&2; exit 1; }
	@[ -e /dev/loop-control ] || { echo "faults: NOT RUN: this machine has no loop devices" >&2; exit 1; }
	@command -v mkfs.ext4 >/dev/null || { apt-get update -q && apt-get install -qy e2fsprogs; }
	$(GO) test -tags faults -count=1 -v -timeout 30m ./internal/testing/faults

.PHONY: mutants
mutants: ## deliberate bugs, one at a time: the tests must find each
	$(GO) run ./internal/testing/mutants

.PHONY: long
long: ## random operations and random input, many times those of test
	$(STORE_GC) $(GO) test -timeout 2h ./engine -run 'Operations|Differential' -args -engine.runs=2000 -engine.batches=20000
	$(GO) test -timeout 2h ./engine -run BucketsAgainstTheOracle -args -residual.long
	$(GO) test -timeout 2h ./event -args -event.lines=1000000 -event.floats=10000000
	$(GO) test -timeout 2h ./segment/... -args -residual.long
	$(GO) test -timeout 2h ./httpapi -run "ManySlow|RequestsOfOne|BoundedToken|EqualTags" -args -residual.long
	$(GO) test -timeout 2h ./cmd/residual -run ExportedAnswers -args -residual.long

.PHONY: overload
overload: ## three times what the server can take, for a minute
	$(GO) test -v -timeout 10m ./cmd/residual -run 'TestOverload$$' -args -overload.for=60s

.PHONY: attacks
attacks: ## what strangers may do to have a server of 1 GiB hold more, in a control group; needs root
	$(GO) test -v -timeout 20m ./cmd/residual -run 'TestAttacks$$' -args -attack.scale=8 -attack.cgroup

.PHONY: s3
s3: .bin/versitygw ## a real S3 server: kills of both servers, wrong settings, and 4 GB beside HTTP; needs 14 GB of disk, installs versitygw into .bin/
	$(GO) test -tags s3 -v -timeout 60m ./cmd/residual -run '^TestS3'

.bin/versitygw:
	GOBIN=$(CURDIR)/.bin $(GO) install github.com/versity/versitygw/cmd/versitygw@v1.8.0 || { \
		echo "s3: NOT RUN: go could not install github.com/versity/versitygw" >&2; exit 1; }

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each
	@for package in $$($(GO) list $(PACKAGES)); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$(GO) test -run '^$$' -fuzz '^$$target$$' -fuzztime $(FUZZTIME) $$package"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

.PHONY: bench
bench: ## the benchmarks: BENCH=regexp BENCHTIME=1s COUNT=1
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -count $(COUNT) -timeout 60m $(PACKAGES)

.PHONY: compat-files
compat-files: build ## files that pandas, PyArrow, Polars and fastparquet write, uploaded and ingested; needs Python 3 with venv, and installs these into .compat/
	python3 -m venv .compat/python || { echo "compat-files: NOT RUN: it needs Python 3 with venv (Debian: python3-venv)" >&2; exit 1; }
	.compat/python/bin/pip install --quiet 'pandas>=3.1,<4' 'pyarrow>=26' 'polars>=2.1,<3' 'fastparquet>=2026.9' 'openpyxl>=3.1' 'requests>=2.34' || { \
		echo "compat-files: NOT RUN: pip could not install pandas, PyArrow, Polars, fastparquet, openpyxl and requests from PyPI" >&2; exit 1; }
	.compat/python/bin/python -W ignore compat/files.py

.PHONY: compat
compat: build compat-files ## files that others write (compat-files), Tinybird's client against the server, its answers against ClickHouse's, its rows in ClickHouse and DuckDB; needs Node.js with npm
	@{ command -v node && command -v npm; } >/dev/null || { echo "compat: NOT RUN: it needs Node.js 20 or newer with npm, and installs what compat/package.json lists" >&2; exit 1; }
	mkdir -p .compat && cp compat/*.json compat/*.mjs .compat/
	npm --prefix .compat install --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error
	node --test --test-reporter=spec .compat/*.test.mjs

.PHONY: sql
sql: ## generated statements of SQL, answered by a ClickHouse too: none may differ; needs Python 3 with venv, and installs chdb into .compat/sql/
	python3 -m venv .compat/sql || { echo "sql: NOT RUN: it needs Python 3 with venv (Debian: python3-venv)" >&2; exit 1; }
	.compat/sql/bin/pip install --quiet 'chdb==4.4.0' 'chdb-core==26.9.0' || { echo "sql: NOT RUN: pip could not install chdb from PyPI" >&2; exit 1; }
	$(GO) test -tags sql -v -timeout 60m ./project -run '^TestAgainstClickHouse$$' -args -sql.python=$(CURDIR)/.compat/sql/bin/python

.PHONY: tb
tb: build ## the tutorial with Tinybird's own client, tb, and a deploy of its TypeScript SDK; needs Python 3.11 to 3.13 with venv, curl and Node.js with npm, and installs both into .compat/tb
	@{ command -v curl && command -v node && command -v npm; } >/dev/null || { echo "tb: NOT RUN: it needs curl, and Node.js 20 or newer with npm" >&2; exit 1; }
	@python3 -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "tb: NOT RUN: the client needs Python 3.11 to 3.13" >&2; exit 1; }
	python3 -m venv .compat/tb || { echo "tb: NOT RUN: it needs Python 3 with venv (Debian: python3-venv)" >&2; exit 1; }
	.compat/tb/bin/pip install --quiet 'tinybird==5.0.3' || { echo "tb: NOT RUN: pip could not install tinybird 5.0.3 from PyPI" >&2; exit 1; }
	npm --prefix .compat/tb install --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error @tinybirdco/sdk@0.0.84 || { \
		echo "tb: NOT RUN: npm could not install @tinybirdco/sdk 0.0.84" >&2; exit 1; }
	python3 compat/tb.py .compat/tb/bin/tb .compat/tb

.PHONY: page-check-tools
page-check-tools:
	@{ command -v npm && node -e "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)"; } >/dev/null || { echo "page-check: NOT RUN: it needs Node.js 20 or newer with npm, and installs what dashboard/package.json lists" >&2; exit 1; }
	mkdir -p .page && cp dashboard/package.json .page/
	npm --prefix .page install --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error || { \
		echo "page-check: NOT RUN: npm could not get what dashboard/package.json lists" >&2; exit 1; }

.PHONY: page-check
page-check: page-check-tools ## the modules of the page: their types, a linter, unit tests; needs Node.js with npm, and installs what dashboard/package.json lists into .page/
	rm -rf .page/static .page/test .page/bare && cp -r dashboard/*.json dashboard/*.js dashboard/static dashboard/test .page/
	$(GO) test -count=1 ./dashboard -run '^TestBareModules$$' -args -bare='$(CURDIR)/.page/bare'
	cd .page && node_modules/.bin/tsc -p . && node_modules/.bin/eslint --max-warnings 0 static test && TZ=Europe/Berlin node --test --test-reporter=dot test/

.PHONY: browser-tools
browser-tools:
	@command -v $(CHROMIUM) >/dev/null || $(GET_CHROMIUM) || true
	@{ command -v $(CHROMIUM) && command -v npm; } >/dev/null || { \
		echo "browser: NOT RUN: it needs a browser and npm (Debian: chromium, fonts-inter, npm); CHROMIUM=PROGRAM names another browser" >&2; exit 1; }
	mkdir -p .browser
	npm --prefix .browser install --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error axe-core@4.14.1 || { \
		echo "browser: NOT RUN: npm could not get axe-core" >&2; exit 1; }
	cd dashboard/browser && $(GO) mod download

# Debian's, for root.
GET_CHROMIUM := { [ "$(CHROMIUM)$$(id -u)" = chromium0 ] && apt-get update -q && apt-get install -qy --no-install-recommends chromium fonts-inter; }

.PHONY: browser
browser: browser-tools ## the page in Chromium: every view, attacks, budgets; needs chromium and npm (for axe-core), and leaves pictures in .browser/
	cd dashboard/browser && $(GO) test -count=1 -v -timeout 30m -run '$(BROWSER)' -skip '$(BROWSER_SKIP)' . -args -chromium=$(CHROMIUM) \
		-pictures=$(CURDIR)/.browser -axe=$(CURDIR)/.browser/node_modules/axe-core/axe.min.js

.PHONY: picture
picture: ## the picture of the README, made of what make demo shows
	$(MAKE) browser BROWSER='^TestPicture$$'
	cp .browser/page.png docs/page.png

# Which tests `make browser` runs, which of them it leaves out, and in what. BROWSER_SKIP='^TestBudgets$$' leaves out those that take times.
BROWSER      ?= .
BROWSER_SKIP ?=
CHROMIUM     ?= chromium

.PHONY: kafka-tools
kafka-tools:
	@{ command -v java && command -v mvn; } >/dev/null || { echo "kafka: NOT RUN: it needs Java 17 and Maven (Debian: openjdk-17-jre-headless, maven)" >&2; exit 1; }
	mkdir -p .kafka && cp cmd/residual/testdata/kafka/pom.xml .kafka/
	cd .kafka && mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib || { echo "kafka: NOT RUN: Maven could not get Apache Kafka" >&2; exit 1; }

.PHONY: kafka
kafka: kafka-tools ## two servers that read a topic of a real broker, all of them killed under load, some five minutes; needs Java 17 and Maven, and installs Apache Kafka into .kafka/
	$(GO) test -v -count=1 -timeout 20m ./cmd/residual -run '^TestKafkaBroker$$' -args -kafka.jars='$(CURDIR)/.kafka/lib' -kafka.kills=$(KAFKA_KILLS)

.PHONY: cluster
cluster: ## stores on a cluster of ClickHouse: the contract, the engine's answers, and 50 rounds of faults; takes a program named clickhouse, or installs chDB's library into .cluster/
	@$(CLICKHOUSE_PROGRAM) || { $(GET_CLICKHOUSE); } || { \
		echo "cluster: NOT RUN: it needs ClickHouse 24.8 or newer, or Linux on amd64 with npm and a C compiler" >&2; exit 1; }
	@export CLICKHOUSE_NODE="$$($(CLICKHOUSE_PROGRAM) && command -v clickhouse || echo '$(CURDIR)/.cluster')"; \
	$(GO) test -v -count=1 -timeout 10m -run '$(CLUSTER)' ./internal/testing/clickhouse; \
	$(GO) test -v -count=1 -timeout 120m -run '$(CLUSTER)' ./internal/testing/clusters -args $(CLUSTER_ARGS)

.PHONY: cluster-oldest
cluster-oldest: build ## the tables and questions of a store in ClickHouse, by the oldest ClickHouse that is supported; needs Python 3 with venv, and installs chDB 2.1.1 into .compat/oldest/
	python3 -m venv .compat/oldest || { echo "cluster-oldest: NOT RUN: it needs Python 3 with venv (Debian: python3-venv)" >&2; exit 1; }
	.compat/oldest/bin/pip install --quiet 'chdb==2.1.1' || { echo "cluster-oldest: NOT RUN: pip could not install chdb 2.1.1 from PyPI" >&2; exit 1; }
	.compat/oldest/bin/python compat/cluster.py

.PHONY: cluster-measure
cluster-measure: ## a load through two servers beside ClickHouse's own client, and questions beside SQL, on 1, 2 and 4 shards
	$(MAKE) cluster CLUSTER='^TestMeasure$$' CLUSTER_ARGS='-cluster.rows=$(CLUSTER_ROWS)'

# Which tests `make cluster` runs, and how: CLUSTER_ARGS=-residual.long compares 5 M rows instead of 100,000.
CLUSTER      ?= .
CLUSTER_ARGS ?=
CLUSTER_ROWS ?= 4000000

# Whether the machine has a ClickHouse that is new enough.
CLICKHOUSE_PROGRAM := { command -v clickhouse && clickhouse local --version 2>/dev/null | grep -qE ' (24\.(8|9|1[0-9])|2[5-9]|[3-9][0-9])\.'; } >/dev/null

# The library, held by its digest, and a launcher that makes a server of it.
GET_CLICKHOUSE := mkdir -p .cluster && { \
	{ cmp -s .cluster/installed.json internal/testing/clickhouse/library/package-lock.json && [ -f .cluster/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so ]; } || { \
		cp internal/testing/clickhouse/library/*.json .cluster/ && \
		npm --prefix .cluster ci --no-audit --no-fund --ignore-scripts --loglevel=error && \
		cp .cluster/package-lock.json .cluster/installed.json; }; } && \
	"$${CC:-cc}" -O1 -rdynamic -o .cluster/node internal/testing/clickhouse/library/node.c -ldl -lpthread

.PHONY: alerts
alerts: ## the alert rules in a real Prometheus: Debian's, which is unpacked into .alerts/ if there is none
	@{ command -v prometheus && command -v promtool; } >/dev/null || { $(GET_PROMETHEUS); } || { \
		echo "alerts: NOT RUN: it needs prometheus and promtool, and apt-get could not get Debian's package prometheus" >&2; exit 1; }
	export PATH="$$PATH:$(CURDIR)/.alerts/usr/bin"; \
	promtool check rules docs/grafana/rules.yml; \
	promtool test rules docs/grafana/rules.test.yml; \
	$(GO) test -v -count=1 -tags alerts -timeout 10m ./cmd/residual -run '^TestAlerts$$'

# Unpacked and not installed: Debian's package would start a Prometheus of its own.
GET_PROMETHEUS := mkdir -p .alerts && cd .alerts && { test -x usr/bin/promtool || { \
	{ apt-get download prometheus || { apt-get update && apt-get download prometheus; }; } && dpkg-deb -x prometheus_*.deb .; }; }

.PHONY: python
python: build ## the blocks of docs/python.md and docs/rows.md against the server; needs Python 3 with venv, and installs pandas, PyArrow, DuckDB and requests into .compat/
	python3 -m venv .compat/python || { echo "python: NOT RUN: it needs Python 3 with venv (Debian: python3-venv)" >&2; exit 1; }
	.compat/python/bin/pip install --quiet 'pandas>=3.1,<4' 'pyarrow>=26' 'requests>=2.34' 'duckdb==1.5.5' 'duckdb-extension-httpfs==1.5.5'
	.compat/python/bin/python -W ignore compat/python.py

.PHONY: agent
agent: build ## a server asked by the Model Context Protocol with its authors' Python client; needs Python 3 with venv, and installs it into .compat/
	python3 -m venv .compat/agent || { echo "agent: NOT RUN: it needs Python 3 with venv (Debian: python3-venv)" >&2; exit 1; }
	.compat/agent/bin/pip install --quiet 'mcp==2.3.0' || { echo "agent: NOT RUN: pip could not install mcp" >&2; exit 1; }
	.compat/agent/bin/python compat/agent.py

.PHONY: peers
peers: ## beside ClickHouse and DuckDB from npm: bench/RESULTS.md; PEERS_ARGS="-rows 1000000 -growth 100000000"
	$(GO) run ./bench/peers $(PEERS_ARGS)

.PHONY: cover
cover: ## statement coverage: cover.html
	$(GO) test -timeout $(TEST_TIMEOUT) -coverpkg=./... -coverprofile=cover.out $(PACKAGES)
	$(GO) tool cover -func=cover.out | tail -1
	$(GO) tool cover -html=cover.out -o cover.html

.PHONY: ci
ci: lint build test ## what every change must pass
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout $(TEST_TIMEOUT) $(PACKAGES)

$(SBOM):
	GOBIN=$(CURDIR)/.bin CGO_ENABLED=0 GOFLAGS=-trimpath $(GO) install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(lastword $(subst -, ,$(SBOM)))
	mv .bin/cyclonedx-gomod $@

$(LINT):
	GOBIN=$(CURDIR)/.bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv .bin/golangci-lint $@
