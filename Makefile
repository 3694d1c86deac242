.DEFAULT_GOAL := help
SHELL := bash

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.1.4
FUZZTIME ?= 100000x
SEEDS ?= 1000
FIRST ?= 1

.PHONY: help build test race lint fuzz bench bench-go bench-peers bench-smoke faults golden mutants sim sim-forever sim-shrink test-real tidy security ci

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

build: ## bin/tidemark
	go build -trimpath -o bin/tidemark ./cmd/tidemark

test: ## every test, as in the README
	go test ./...

race: ## every test under the race detector
	go test -race ./...

sim: ## the simulator: SEEDS seeds
	go run ./pipeline/sim/simulate -seeds $(SEEDS)

sim-forever: ## the simulator until something fails, or for a night: FIRST=<seed>
	go run ./pipeline/sim/simulate -forever -first $(FIRST)

sim-shrink: ## the least that fails of a seed that does: SEED=<seed>
	go run ./pipeline/sim/simulate -shrink '$(SEED)'

mutants: ## planted bugs: each must be caught
	@set -o pipefail; go test -p 1 -tags mutants ./pipeline/store ./pipeline/sim -count=1 -v -run 'Mutants|TestEveryBug' | grep -vE '^(=== |--- PASS|PASS|ok )'

test-real: ## with Kafka and Redis as in production, which it starts itself (Java 17, Maven, redis-server)
	go test -tags real -count=1 -timeout 15m $(FLAGS) ./pipeline/real

faults: ## every fault on real processes: FAULT=<row>, FAULTS=<flags> (docs/reliability.md)
	go run ./pipeline/faults -out bin/faults $(if $(FAULT),-fault $(FAULT)) $(FAULTS)

# A count, as Go 1.26 may take the end of a time for a failure (golang/go#75804).
fuzz: ## each fuzzer for FUZZTIME
	@set -e; grep -rlE '^func Fuzz' --include='*_test.go' . | while read -r file; do \
		for f in $$(grep -ohE '^func Fuzz[A-Za-z]+' "$$file" | cut -d' ' -f2); do \
			echo "== $$f $$(dirname $$file)"; go test "$$(dirname $$file)" -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 200x; \
		done; done

bench-go: ## Go benchmarks of every stage, with allocations
	go test -run '^$$' -bench . -benchmem ./pkg/... ./pipeline/...

bench: ## the service as in production: throughput, latency, memory; BENCH=<flags> (needs Java 17, Maven, redis-server)
	go run ./pipeline/bench -out bin/bench $(BENCH)

bench-smoke: ## the same, just to see that it works
	go run ./pipeline/bench -out bin/bench-smoke -events 20000 -customers 2000 -rounds 1 -for 2s -warm-up 1s

bench-peers: ## beside another engine on its own log: PEERS=<folder>
	go run ./pipeline/bench -out bin/bench-peers -peers "$(PEERS)" -warm-up 10s $(BENCH)

golden: ## compare with independently computed results: TIDEMARK_GOLDEN=<folder>
	go test ./pipeline/replay ./pkg/change ./pkg/event ./pkg/rfm -count=1 -v -run Golden

lint: ## golangci-lint: style, and the purity of the domain
	go run $(GOLANGCI) run ./...

security: ## known vulnerabilities in what is called (govulncheck, wants vuln.go.dev); gosec is part of lint
	@out=$$(go run $(GOVULNCHECK) ./... 2>&1); code=$$?; echo "$$out" | tail -40; \
	if [ $$code -ne 0 ] && echo "$$out" | grep -q '^govulncheck: fetching vulnerabilities'; then \
		echo "NOT CHECKED: the database of vulnerabilities cannot be reached from here"; exit 0; fi; exit $$code

tidy: ## go.mod and go.sum as they should be
	go mod tidy -diff

ci: ## everything that has to be green
	bash .ci/run
