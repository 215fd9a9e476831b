#!/usr/bin/env bash
# release.sh VERSION makes what is here the release that later changes are
# compared with, and gives the entries of the change log its name. It commits
# and tags nothing. CONTRIBUTING.md says what comes before and after.
#
# release.sh --service-changed VERSION is for the one patch release that may
# break: a service itself changed, and the old way fails.
set -euo pipefail
cd "$(dirname "$0")/../.."

refuse() {
	printf 'release.sh: %s\n' "$*" >&2
	exit 2
}

service_changed=false
if [ "${1:-}" = --service-changed ]; then
	service_changed=true
	shift
fi
version=${1:-}
if [ $# != 1 ] || ! [[ $version =~ ^([0-9]+\.[0-9]+\.[0-9]+|candidate)$ ]]; then
	refuse 'say the version, such as 0.2.0, or candidate'
fi

released=api/lint/released
if [ "$version" != candidate ]; then
	in_facade=$(sed -nE 's/^const Version = "(.*)"$/\1/p' facade/*.go)
	in_spec=$(sed -nE '/^info:/,/^[a-z]+:/s/^  version: *//p' openapi.yaml)
	[ "$in_facade" = "$version" ] || refuse "facade.Version is $in_facade, not $version: set it first"
	[ "$in_spec" = "$version" ] || refuse "info.version of openapi.yaml is $in_spec, not $version: set it first"
	last=$(cat "$released/VERSION")
	if [ "$last" != candidate ] && { [ "$last" = "$version" ] || [ "$(printf '%s\n' "$last" "$version" | sort -V | tail -1)" != "$version" ]; }; then
		refuse "$version does not come after $last, the last release"
	fi
	if grep -qE "^## \[?${version//./\\.}\]?( |$)" CHANGELOG.md; then
		refuse "CHANGELOG.md has a heading for $version already"
	fi
	[ "$(grep -c '^## Unreleased$' CHANGELOG.md)" = 1 ] || refuse 'CHANGELOG.md must have one heading "## Unreleased"'
	breaking=$(go run ./api/lint/breaking announced -changelog CHANGELOG.md)
	if [ -n "$breaking" ] && ! [[ $version =~ ^0\.[0-9]+\.0$|^[1-9][0-9]*\.0\.0$ ]] && ! $service_changed; then
		printf '%s\n' "$breaking" >&2
		refuse "CHANGELOG.md announces the breaking changes above, which $version must not have: before 1.0 make it a minor release, from 1.0 on a major one; if a service itself changed and the old way fails, say --service-changed"
	fi
	sed -i "s/^## Unreleased$/## Unreleased\n\n## $version - $(date -u +%Y-%m-%d)/" CHANGELOG.md
fi
mkdir -p "$released"
cp openapi.yaml "$released/openapi.yaml"
printf '%s\n' "$version" >"$released/VERSION"
echo "$released now has what $version has. Read its diff before you commit it."
