# `make help` lists the targets. Go may be installed without being on PATH.
export PATH := $(PATH):/usr/local/go/bin

GO ?= go
TOOL := $(GO) tool -modfile=tools/go.mod
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LINK := -s -w -X github.com/synapsedb/synapse/internal/cli.version=$(VERSION)
# How long `make torture` goes on: kills per test, and time per fuzz test.
ROUNDS ?= 200
FUZZTIME ?= 60s

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help build demo full-schema test vet lint fmt race vulnerabilities bench bench-port bench-updates torture clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

build: ## build bin/synapse, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LINK)' -o bin/synapse ./cmd/synapse

demo: ## make a small homeserver, port it to a throw-away PostgreSQL, verify it, clean up
	@scripts/install-tools demo
	@$(MAKE) --no-print-directory build
	bin/synapse demo

full-schema: ## refresh the full schemas of homeserver/schema; what makes the same tables stays as it is
	@scripts/install-tools demo
	$(GO) run ./cmd/synapse schema dump --set homeserver --output homeserver/schema

test: ## all checks and tests, as the continuous integration runs them; installs what they need
	scripts/install-tools test
	@$(MAKE) --no-print-directory vet lint race vulnerabilities

vet: ## go vet
	$(GO) vet ./...

lint: ## the linters of .golangci.yml, and shellcheck
	$(TOOL) golangci-lint run ./...
	shellcheck scripts/* .ci/run

fmt: ## format the Go code
	$(TOOL) golangci-lint fmt ./...

# SQLite's own code, translated from C, is not watched: it would run ten times slower, and nothing of ours is in it.
UNWATCHED := -gcflags='modernc.org/sqlite/lib=-race=false' -gcflags='modernc.org/libc=-race=false'

# What starts whole programs, once for each step of a session, takes several times as long with the race detector, and has hardly
# any goroutines of its own; checks and packages homeserver and schema have none. `make torture` watches them too, and
# all tests of port, which take ten minutes then.
PROGRAMS := internal/cli examples/ port$$ port/back port/split port/tables doctor homeserver backup$$ backup/pack schema

# Loops of kills have one here, unless another number is asked for, and ROUNDS in `make torture`.
race: export SYNAPSE_TEST_ROUNDS ?= 1
race: ## the tests, with the race detector where goroutines are
	CGO_ENABLED=1 scripts/in-memory $(GO) test -race $(UNWATCHED) -timeout 20m $$($(GO) list ./... | grep -v $(PROGRAMS:%=-e /%))
	CGO_ENABLED=1 scripts/in-memory $(GO) test -race $(UNWATCHED) -run 'TestDemoPortsRowByRow|TestSecondPortWritesWhatChanged|TestPanicOfAWorker' ./port
	scripts/in-memory $(GO) test -p 3 -timeout 20m ./port ./internal/cli $$($(GO) list ./... | grep $(PROGRAMS:%=-e /%)) # the longest first; they wait a lot

vulnerabilities: ## look the dependencies up in Go's list of known vulnerabilities
	@scripts/check-vulnerabilities

bench: bench-port bench-updates ## every benchmark, those of single parts at the end
	$(GO) test -run '^$$' -bench . -benchmem -timeout 60m ./...

bench-port: build ## ports against the practical limit at two sizes, and run again
	scripts/install-tools test
	$(GO) run ./internal/bench -events 100000 -pairs 5
	$(GO) run ./internal/bench -events 1000000 -pairs 1

bench-updates: ## background updates beside pgbench, and against hand-written loops
	scripts/install-tools test
	$(GO) run ./internal/bench -what foreground
	$(GO) run ./internal/bench -what updater

torture: ## the long forms: kills at random moments (ROUNDS=200), fuzzing (FUZZTIME=60s)
	scripts/install-tools test
	SYNAPSE_TEST_ROUNDS=$(ROUNDS) CGO_ENABLED=1 $(GO) test -race $(UNWATCHED) -count=1 -timeout 240m ./...
	scripts/fuzz $(FUZZTIME)

clean: ## remove what was built
	rm -rf bin
