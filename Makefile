# What a person types. Every target sets up what it needs.

GO ?= go

.PHONY: help demo build test generate lint update bench reliability

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## Show the main job end to end, against a sandbox in the same process
	@./bin/credkit demo

build: ## Build the command into bin/
	@$(GO) build -o bin/credkit ./cmd/credkit

test: ## Run every test that takes under a minute, with the race detector
	@.ci/setup
	$(GO) vet ./...
	$(GO) test -race ./...

generate: ## Write the generated code, the grades and the table of operations anew from openapi.yaml
	$(GO) generate ./...

lint: ## Run the linters and the specification's gates
	bash api/lint/check.sh

update: ## Bump what every module file requires: library, generators, linters, benchmark
	api/lint/update.sh

bench: ## Measure beside the peers, print the ratios and write them into the READMEs
	cd facade/bench && $(GO) generate ./... && $(GO) run . -readme ../../README.md

reliability: ## Run the long tests: many processes, kill -9, a soak; figures are printed
	$(GO) test -tags reliability -run Reliability -v -timeout 60m ./facade ./facade/auth/... ./cmd/credkit
