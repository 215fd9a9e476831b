#!/usr/bin/env bash
# Runs go generate twice on a copy of the tree. Neither run may change a file.
set -euo pipefail
cd "$(dirname "$0")/../.."

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
	[ -f "$file" ] && printf '%s\0' "$file"
done | xargs -0 cp --parents -t "$copy"
generated() { (cd "$1" && find api facade README.md -type f \( -name '*.gen.go' -o -name '*.md' \) -print0 | sort -z | xargs -0 sha256sum); }

before=$(generated "$copy") # what git ignores, such as the benchmark's peers, is not in it
for run in first second; do
	(cd "$copy" && go generate ./...)
	after=$(generated "$copy")
	if [ "$before" != "$after" ]; then
		printf 'the %s run of go generate changed:\n' "$run"
		diff <(printf '%s\n' "$before") <(printf '%s\n' "$after") | awk '/^[<>]/ {print "  " $3}' | sort -u
		exit 1
	fi
done
echo "go generate changes nothing, and nothing when it is run again"
