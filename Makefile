# Every target but interop needs Go alone. Go downloads the tools, whose versions are
# here. Some tests need Chromium, nginx, Caddy or redis-server; where one is missing they are
# skipped. GOGC=400 takes a fifth off the processor's time of the long tests.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME   ?= 2m
SOAK       ?= 10m
CLIENT      = examples/amplify-client
EMULATORS   = internal/emulatortest/npm
LONG        = GOGC=400 COGNITOGATE_LONG=1 go test -count=1

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: ## run the example application
	go run ./examples/chi-app

# By default every test binary sleeps for a second at its end under the race detector.
# Some tests wait, for a second attempt say. With -p and -parallel others run meanwhile.
# The longest packages come first. Those of LONG_PACKAGES have tests of test-long alone.
LONG_PACKAGES = /internal/(browser|emulator|proxy|replica)test$$
test: ## run the tests; no network, no AWS account
	GOGC=400 GORACE=atexit_sleep_ms=10 go test -race -p 4 -parallel 4 -shuffle=on ./middleware ./session \
		$$(go list ./... | grep -vE '$(LONG_PACKAGES)')

test-long: ## run every test in full: browsers, proxies, loads, allocations
	$(LONG) -p 3 -timeout 20m ./middleware ./session ./examples/chi-app ./internal/replicatest $$(go list ./...)
	$(LONG) -race -run 'TestSoak' ./middleware
	cd docs/routers && go test -tags nomsgpack ./... # without a codec of gin that compiles for half a minute

interop: ## drive the real aws-amplify in Chromium, and an emulator; wants npm
	@if command -v npm >/dev/null; then \
		npm --prefix $(CLIENT) ci --ignore-scripts --no-audit --no-fund && \
		npm --prefix $(CLIENT) run build && \
		INTEROP=1 $(LONG) -run TestInterop ./examples/chi-app && \
		npm --prefix $(EMULATORS) ci --ignore-scripts --no-audit --no-fund && \
		INTEROP=1 $(LONG) ./internal/emulatortest; \
	else \
		echo "npm is not installed, so neither aws-amplify nor an emulator is driven" >&2; \
		test "$$CI" != true; \
	fi

lint: ## check format, vet, tidiness, staticcheck and the import rules
	test -z "$$(gofmt -l . | tee /dev/stderr)"
	go vet ./...
	go mod tidy -diff
	cd bench && go mod tidy -diff && go vet ./...
	cd docs/routers && go mod tidy -diff && go vet -tags nomsgpack ./...
	go fix -diff ./...
	go run $(STATICCHECK) ./...
	go test -run 'Imports|JWX|Modules|FileOrder|NoCodes' ./internal/repotest

fmt: ## format the code
	gofmt -w .

soak: ## have many browsers use a site while Cognito fails, SOAK (10m) long
	go test -race -count=1 -timeout 0 -v -run TestSoak ./middleware -args -soak $(SOAK) -browsers 100

fuzz: ## fuzz every target, FUZZTIME (2m) each
	COGNITOGATE_LONG=1 go test -run Random ./matcher ./internal/automaton -args -pairs=1000000
	@for p in $$(go list ./...); do for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz'); do \
		echo "$$p $$f"; COGNITOGATE_LONG=1 go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; done; done

parity: ## compare the matcher with the real Next.js; NEXT_DIR has it in node_modules
	@test -n "$(NEXT_DIR)" || { echo "say where: npm install next@16.4.6, then make parity NEXT_DIR=that folder" >&2; exit 1; }
	NEXT_DIR="$(abspath $(NEXT_DIR))" go test -run TestParity -count=1 -v ./matcher

bench: ## print what is promised about speed and memory, and whether it is met
	cd bench && go test . && go run . $(BENCH)

cover: ## show the coverage of each package
	go test -coverprofile cover.out ./... && go tool cover -func cover.out | tail -1

api: ## write the exported surface to testdata/api
	go test ./internal/repotest -run TestAPI -update

.PHONY: help demo test test-long interop lint fmt soak fuzz parity bench cover api
.DEFAULT_GOAL := help
