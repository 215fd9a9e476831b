#!/usr/bin/env bash
# speclint.sh SPEC holds a specification against api/lint/openapi.rules.yaml.
# Hints fail as errors do.
set -euo pipefail
cd "$(dirname "$0")/../.."

go tool -modfile=api/lint.mod vacuum lint --no-banner --no-style --details --all-results --no-clip \
	--fail-severity info --ruleset api/lint/openapi.rules.yaml "$1"
echo
