#!/usr/bin/env bash
# Breaks copies of openapi.yaml on purpose: each gate must fail, and say why.
set -euo pipefail
cd "$(dirname "$0")/../.."

copies=$(mktemp -d)
trap 'rm -rf "$copies"' EXIT
blind=0
tried=0

# broken NAME SED WANT COMMAND…: the command, given the changed copy, must
# fail and print WANT.
broken() {
	local name=$1 change=$2 want=$3 printed
	shift 3
	sed -E "$change" openapi.yaml >"$copies/openapi.yaml"
	tried=$((tried + 1))
	if cmp -s openapi.yaml "$copies/openapi.yaml"; then
		printf '%s: the change does not fit openapi.yaml any more\n' "$name"
		blind=$((blind + 1))
	elif printed=$("$@" 2>&1); then
		printf '%s: was not noticed\n' "$name"
		blind=$((blind + 1))
	elif [[ $printed != *"$want"* ]]; then
		printf '%s: failed without saying "%s", but:\n%s\n' "$name" "$want" "$printed"
		blind=$((blind + 1))
	fi
}

go build -o "$copies/gen" ./api/gen
lint() { broken "$1" "$2" "$3" "$copies/gen" -check -spec "$copies/openapi.yaml"; }
lint 'an operationId is gone' '/^ +operationId: getMe$/d' 'give the operation an operationId'
lint 'an operationId in snake case' 's/operationId: getMe/operationId: get_me/' 'in camelCase'
lint 'a retry class is gone' '0,/^ +x-retry: safe$/{/x-retry: safe/d}' 'say x-retry'
lint 'a grade that is none' '0,/grade: inferred/s//grade: rumoured/' 'is not one of observed'
lint 'a source that is no address' 's#source: https://docs.natecosmic.com/concepts/scopes#source: hearsay#' 'neither an https address nor a recording'
lint 'a description without its scope' 's/^( +)Scopes: `certification_records:read` \(inferred\)\. /\1/' 'must end with the words: Scopes: `certification_records:read`'
lint 'an anchor' 's/^( +)operationId: getMe$/\1operationId: \&me getMe/' 'an anchor or alias of YAML'
lint 'a document without a date' "/^  checked: '/d" 'want x-evidence {checked}'
lint 'a date that has not come' "s/^( +)checked: '2026-11-25'/\1checked: '9999-11-25'/" 'has not come yet'
lint 'a parameter that may be required or not' '0,/^ +required: false$/{/required: false/d}' 'say required true or false'
lint 'an optional parameter without its pointer' '0,/^ +x-go-type-skip-optional-pointer: false$/{/skip-optional/d}' 'x-go-type-skip-optional-pointer: false'
lint 'an optional parameter with the wrong pointer' '0,/skip-optional-pointer: false/s//skip-optional-pointer: true/' 'x-go-type-skip-optional-pointer: false'
lint 'a property without description' '/description: The user who holds it\.$/d' 'give a description'
lint 'a closed enum' 's/x-extensible-enum: \[active\]/enum: [active]/' 'write x-extensible-enum'
lint 'an enum without a name' 's/^( +)description: Who issued it\.$/&\n\1enum: [NATE]/' 'move the words'
lint 'an example of another type' '0,/display_name: Ada Lovelace/s//display_name: 5/' 'Error at "/user"'
lint 'an example without its id' '0,/^( +)- id: 123e4567/s//\1- ix: 123e4567/' 'property "id" is missing'
lint 'an example out of range' 's/^( +)example: 50$/\1example: 500/' 'got 500, want 200'
lint 'a schema that nothing uses' 's/^    MeUser:$/    Nobody: {type: object, description: None., x-evidence: {grade: assumed, source: "https:\/\/example.com"}}\n&/' 'nothing refers to it'
lint 'allOf' 's/^    Page:$/&\n      allOf: []/' '/components/schemas/Page/allOf: allOf is not read'
lint 'parameters of a path' 's/^  \/v1\/me:$/&\n    parameters: []/' '/paths/~1v1~1me/parameters: parameters is not read'
lint 'a keyword that nobody reads' 's/^      operationId: getMe$/&\n      x-cache: 60s/' '/paths/~1v1~1me/get/x-cache: x-cache is not read'
lint 'a parameter without evidence' '/^        - name: limit$/,/schema:/{/x-evidence:/,/source:/d}' 'no x-evidence of its own'

portable() { broken "$1" "$2" "$3" env CI=true api/lint/portable.sh "$copies/openapi.yaml" "$4"; }
portable 'an alias in an example' '0,/serial_number: CLB-2025-00417/s//serial_number: \&number CLB-2025-00417/; s/serial_number: CLB-2025-00417/serial_number: *number/' 'unknown anchor' ogen
portable 'two fields of one name' 's/x-go-name: AccessibleMemberIDs/x-go-name: Scopes/' 'Scopes redeclared' oapi-codegen
if [ "${CI:-}" = true ] || command -v npm >/dev/null; then
	portable 'no 4XX' "/^  \/v1\/me:/,/^  \/v1\/certifications:/{/'4XX':/,+1d}" 'operation-4xx-response' redocly
	portable 'a path with a slash at its end' 's#^  /v1/me:#  /v1/me/:#' 'no-path-trailing-slash' redocly
	portable 'a tag that is none' 's/tags: \[cosmic\]/tags: [cosmos]/' 'operation-tag-defined' spectral
	portable 'a closed enum' 's/x-extensible-enum: \[active\]/enum: [active]/' 'not assignable' typescript
	portable 'another status' "s/^( +)'201':/\1'202':/" 'printed no "201"' prism
else
	printf '\n*** NO NODE.JS: that the portable gate notices what it should was not tried ***\n\n' >&2
fi

cat >"$copies/CHANGELOG.md" <<'LOG'
# Changes

## Unreleased

### Breaking

- Another operation altogether, `listBadges`, lost a field.

## 0.0.1

### Breaking

- `listCertifications` and `listUsers` and `createCertification` and `getMe`, long ago.
LOG
compat() {
	broken "$1" "$2" "$3" api/lint/speccompat.sh openapi.yaml "$copies/openapi.yaml" "$copies/CHANGELOG.md"
}
announce='under "## Unreleased", "### Breaking", in a line that names `'
compat 'a property is removed' '/^        serial_number:$/,/description:/d' "${announce}listCertifications\`"
compat 'a parameter becomes required' '0,/^ +required: false$/s//          required: true/' "${announce}listCertifications\`"
compat 'the largest page shrinks' 's/maximum: 200/maximum: 100/' 'max was decreased'
compat 'a type changes' '/^        count:$/,/format: int64/s/integer/string/' "${announce}listUsers\`"
compat 'what was relied on is optional' '0,/^      required: \[data\]$/{/required: \[data\]/d}' 'became optional'
compat 'another success status' "s/^( +)'201':/\1'200':/" "${announce}createCertification\`"
compat 'an operation has a new name' 's/operationId: getMe/operationId: getMyself/' "${announce}getMe\`"
compat 'a call needs another scope' 's/^( +)- certification_records:read$/&\n\1- organizations:read/' "${announce}listCertifications\`"

# What is announced passes, and so does what breaks nobody.
passes() {
	local name=$1 change=$2 printed
	sed -E "$change" openapi.yaml >"$copies/openapi.yaml"
	tried=$((tried + 1))
	if ! printed=$(api/lint/speccompat.sh openapi.yaml "$copies/openapi.yaml" "$copies/CHANGELOG.md" 2>&1); then
		printf '%s: was refused:\n%s\n' "$name" "$printed"
		blind=$((blind + 1))
	fi
}
passes 'a new word of an open enum' 's/x-extensible-enum: \[active\]/x-extensible-enum: [active, lapsed]/'
passes 'a guess was seen' 's/grade: inferred/grade: observed/'
sed -i 's/`listBadges`/`listUsers`/' "$copies/CHANGELOG.md"
passes 'a change that is announced' '/^        count:$/,/format: int64/s/integer/string/'

# The Go API: a changed copy of the tree against the tree.
mkdir "$copies/tree"
git ls-files -z --cached --others --exclude-standard -- . ':!facade/bench' | while IFS= read -r -d '' file; do
	[ -f "$file" ] && printf '%s\0' "$file"
done | xargs -0 cp --parents -t "$copies/tree"
goapi() {
	local name=$1 file=$2 change=$3 want=$4 printed status=0
	sed -E "$change" "$file" >"$copies/tree/$file"
	tried=$((tried + 1))
	printed=$(api/lint/goapi.sh . "$copies/tree" "$copies/CHANGELOG.md" 2>&1) || status=$?
	if cmp -s "$file" "$copies/tree/$file" || [ "$status" != "$5" ] || [[ $printed != *"$want"* ]]; then
		printf '%s: want "%s" and exit status %d, but %d and:\n%s\n' "$name" "$want" "$5" "$status" "$printed"
		blind=$((blind + 1))
	fi
	cp "$file" "$copies/tree/$file"
}
goapi 'a method is gone' facade/certn.go 's/FindUser\(/findUser(/' "${announce}Certn.FindUser\`" 1
goapi 'an operation is new' api/certn/certn.gen.go 's/^type ClientInterface interface \{$/&\n\tListBadges() error/; s/^type ClientOption .*$/&\nfunc (c *Client) ListBadges() error { return nil }/' 'nothing breaks' 0

# A release of the copied tree, whose version is made 0.2.1 and whose last one was 0.2.0.
sed -i 's/^const Version = .*/const Version = "0.2.1"/' "$copies"/tree/facade/*.go
sed -Ei '/^info:/,/^[a-z]+:/s/^  version: .*/  version: 0.2.1/' "$copies/tree/openapi.yaml"
echo 0.2.0 >"$copies/tree/api/lint/released/VERSION"
release() { # NAME CHANGES STATUS WANT ARGUMENT…
	local name=$1 log=$2 code=$3 want=$4 printed status=0
	shift 4
	printf '# Changes\n\n## Unreleased\n\n%b\n\n## 0.2.0 - 2026-11-25\n' "$log" >"$copies/tree/CHANGELOG.md"
	tried=$((tried + 1))
	printed=$("$copies/tree/api/lint/release.sh" "$@" 2>&1) || status=$?
	if [ "$status" != "$code" ] || [[ "$printed$(<"$copies/tree/CHANGELOG.md")" != *"$want"* ]]; then
		printf '%s: want exit status %d and "%s", but %d and:\n%s\n' "$name" "$code" "$want" "$status" "$printed"
		blind=$((blind + 1))
	fi
}
release 'a release that is not facade.Version' '' 2 'facade.Version is 0.2.1, not 0.3.0' 0.3.0
release 'a version that is no version' '' 2 'say the version' v0.2.1
release 'a patch release that breaks' '### Breaking\n\n- `listUsers`: gone.' 2 'make it a minor release' 0.2.1
release 'a heading that is there' '## 0.2.1 - 2026-11-26' 2 'has a heading for 0.2.1 already' 0.2.1
sed -i 's/^const Version = .*/const Version = "0.1.9"/' "$copies"/tree/facade/*.go
release 'a release before the last one' '' 2 'info.version of openapi.yaml is 0.2.1, not 0.1.9' 0.1.9
sed -Ei '/^info:/,/^[a-z]+:/s/^  version: .*/  version: 0.1.9/' "$copies/tree/openapi.yaml"
release 'a release before the last one' '' 2 '0.1.9 does not come after 0.2.0' 0.1.9
sed -Ei '/^info:/,/^[a-z]+:/s/^  version: .*/  version: 0.2.1/' "$copies/tree/openapi.yaml"
sed -i 's/^const Version = .*/const Version = "0.2.1"/' "$copies"/tree/facade/*.go
release 'a patch release because the service changed' '### Breaking\n\n- `listUsers`: gone.' 0 '## 0.2.1 - ' --service-changed 0.2.1

printf '%d broken or harmless changes were tried, %d were judged wrongly\n' "$tried" "$blind"
[ "$blind" = 0 ]
