#!/usr/bin/env bash
# Every gate of the specification and of the Go code. Each prints its name and
# how long it took; a gate that fails says what to do, and the rest still runs.
# Run some of them by naming them: api/lint/check.sh spec compat
set -euo pipefail
cd "$(dirname "$0")/../.."

tool() { go tool -modfile=api/lint.mod "$@"; }

# The specification follows our rules.
gate_spec() {
	go run ./api/gen -check
}
advice_spec='Change openapi.yaml where the rule points. The rules are in api/gen: members.go for all that may be written, evidence.go for x-evidence.'

# The specification is read by tools that are not ours.
gate_portable() {
	api/lint/portable.sh
}
advice_portable='Write openapi.yaml in the form that the tool above reads. Where its rule is wrong for a service, api/lint/node has the exceptions, with the reason.'

# The specification breaks nobody who uses the last release.
gate_compat() {
	api/lint/speccompat.sh api/lint/released/openapi.yaml openapi.yaml CHANGELOG.md
}
advice_compat='Undo the change, or announce it in CHANGELOG.md as the lines above say. CONTRIBUTING.md says what counts as breaking.'

# The Go API breaks nobody who uses the last release.
gate_goapi() {
	local version released status=0
	version=$(cat api/lint/released/VERSION)
	if [ "$version" = candidate ]; then
		echo "nothing is released yet, so there is no Go API to keep"
		return
	fi
	if ! git rev-parse -q --verify "v$version^{commit}" >/dev/null; then
		echo "there is no tag v$version to compare with: git fetch --tags"
		return 1
	fi
	released=$(mktemp -d)
	git archive "v$version" | tar x -C "$released"
	api/lint/goapi.sh "$released" . CHANGELOG.md || status=$?
	rm -rf "$released"
	return $status
}
advice_goapi='Keep what was exported, or announce it in CHANGELOG.md as the lines above say. CONTRIBUTING.md says what the promise covers.'

# Generated code is what go generate writes.
gate_fresh() {
	api/lint/fresh.sh
}
advice_fresh='Run "make generate" and commit what it writes. Never edit a generated file: change openapi.yaml or api/gen.'

# The gates themselves notice what they are there for.
gate_selftest() {
	api/lint/selftest.sh
}
advice_selftest='A gate has gone blind. Look at the change above that passed, and at the rules in api/gen and api/lint.'

# The Go code follows .golangci.yml.
gate_code() {
	tool golangci-lint run --timeout 10m ./...
}
advice_code='Change the code where the linter points. A finding that is wrong gets //nolint:name // and the reason.'

failed=()
for gate in ${*:-spec portable compat goapi fresh selftest code}; do
	advice=advice_$gate
	printf -- '--- %s\n' "$gate"
	begin=$SECONDS
	if "gate_$gate"; then
		printf -- '--- %s passed in %d s\n' "$gate" $((SECONDS - begin))
	else
		printf -- '--- %s FAILED after %d s\n    What to do: %s\n' "$gate" $((SECONDS - begin)) "${!advice}"
		failed+=("$gate")
	fi
done
if [ ${#failed[@]} -gt 0 ]; then
	printf 'failed: %s\n' "${failed[*]}"
	exit 1
fi
