# What people type. Every target also works as the commands that it shows.
SHELL := /bin/bash -euo pipefail
.DEFAULT_GOAL := help

# A release passes VERSION; otherwise the tag or the commit is the version.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
DATE    ?= $(shell date -u +%Y-%m-%dT%H:%M:%SZ)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)
STATIC  := CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)'

MARKDOWN := $(shell git ls-files '*.md' | grep -v testdata)
PROSE    := $(shell git ls-files '*.go' '*.md' 'schemas/migrations/*.sql' | grep -v testdata)

# Hard sentences a 100, over all files and on one page.
MAX_PROSE ?= 1.0
MAX_PAGE  ?= 2.0

.PHONY: help build fast test test-others race race-delivery race-concurrent race-all long fuzz trial clients dbt bench screenshots lint docs release
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/pianola, a static binary
	$(STATIC) -o bin/pianola ./cmd/pianola

fast: ## run the fast tests (less than a minute; embedded servers only)
	go test -short ./...

test: ## run all tests
	go test ./...

# The race detector makes a test two to ten times slower, and does not see other processes.
# So it runs all tests of the packages on the way of a message, and the fast tests of the
# other packages with goroutines. replay/files and cmd/pianola link the clients of buckets,
# which would be compiled a second time: `make race-all` has them.
DELIVERY   := ./consumer ./transform ./sink ./internal/pipeline ./internal/service ./internal/suppression
CONCURRENT := ./internal/actions ./internal/audit ./internal/console/... ./internal/config ./internal/diff ./internal/export ./internal/httpd \
  ./internal/offsets ./internal/piano/... ./internal/progress ./internal/replay/job ./internal/replay/window \
  ./internal/statement ./internal/sandbox/kafka ./internal/sandbox/clickhouse ./internal/sandbox/pianoapi
OTHERS      = $(filter-out $(shell go list $(DELIVERY)),$(shell go list ./...))

test-others: ## run all tests but those of the delivery path, which make race runs; a test that skips fails
	PIANOLA_TEST_NO_SKIP=1 go test -timeout 45m $(OTHERS)

race: race-delivery race-concurrent ## run the tests of packages with goroutines with the race detector (needs cgo)

race-delivery:
	PIANOLA_TEST_NO_SKIP=1 bash .ci/race $(DELIVERY)

race-concurrent:
	bash .ci/race -short $(CONCURRENT)

race-all: ## run all tests with the race detector (an hour)
	bash .ci/race ./...

long: ## run all tests, and those that repeat something many times (hours)
	PIANOLA_TEST_LONG=1 go test -timeout 4h ./...

fuzz: ## run every fuzz target for 50,000 inputs (FUZZ=N for another number)
	bash .ci/fuzz $(or $(FUZZ),50000)

trial: ## run every fault trial once (TRIAL='--only kill,server' for other flags)
	go run ./cmd/trial $(TRIAL)

clients: ## run the stock ClickHouse clients against the sandbox
	bash .ci/clients/run

dbt: ## build and test the dbt project against the sandbox
	bash .ci/dbt/run

bench: ## compare Pianola with other systems, and run benchmarks (BENCH='--only pianola-native' for other flags)
	go run ./cmd/bench $(BENCH)
	go test -run '^$$' -bench 'Apply|File' -cpu 1 ./transform
	go test -run '^$$' -bench . -cpu 1 ./sink
	go test -run '^$$' -bench Scale -benchtime 1x ./schemas

screenshots: ## take pictures of the console's pages into screenshots/ (needs Chromium)
	go test ./internal/console/instance -run EveryAction/pictures -count 1 -screenshots '$(CURDIR)/screenshots'

lint: bin/golangci-lint bin/prose ## run the linters, and the check of the English
	bin/golangci-lint run ./...
	@echo 'bin/prose -max $(MAX_PROSE) -page $(MAX_PAGE) …' # on hundreds of files
	@bin/prose -max $(MAX_PROSE) -page $(MAX_PAGE) $(PROSE)

docs: bin/links bin/prose ## regenerate the generated pages; check links and English
	go test ./internal/config -run Reference -update
	go test ./schemas/dbt -run Project -update
	@echo 'bin/links and bin/prose on every page'
	@bin/links $(MARKDOWN)
	@bin/prose -max 1.0 -page $(MAX_PAGE) $(MARKDOWN)

# The SBOM tool warns that it does not find the licence of this module itself.
release: bin/cyclonedx-gomod ## build dist/: static binaries, checksums, SBOMs
	rm -rf dist
	mkdir dist
	for arch in amd64 arm64; do \
	  export GOOS=linux GOARCH=$$arch CGO_ENABLED=0; \
	  name=pianola-$(VERSION)-linux-$$arch; \
	  $(STATIC) -o dist/$$name ./cmd/pianola; \
	  bin/cyclonedx-gomod bin -json -licenses -version $(VERSION) -output dist/$$name.cdx.json dist/$$name; \
	done
	cd dist && sha256sum pianola-* > SHA256SUMS
	ls -l dist

# The tools are pinned in .ci/tools/go.mod, a module of their own.
bin/golangci-lint: .ci/tools/go.mod
	cd .ci/tools && go build -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
bin/cyclonedx-gomod: .ci/tools/go.mod
	cd .ci/tools && go build -o ../../$@ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
bin/prose bin/links bin/compose: bin/%: .ci/tools/go.mod .ci/tools/%/main.go
	cd .ci/tools && go build -o ../../$@ ./$*
