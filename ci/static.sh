#!/usr/bin/env bash
# What can be said without running anything: format, vet for each system that
# the project builds for, staticcheck. All of them speak, whoever fails first.
set -uo pipefail
cd "$(dirname "$0")/.."

staticcheck_version=v0.8.2
code=0

unformatted=$(gofmt -l .) || code=1
if [ -n "$unformatted" ]; then
	printf 'gofmt would change:\n%s\n' "$unformatted" >&2
	code=1
fi

go vet ./... || code=1
for system in darwin windows; do
	GOOS=$system CGO_ENABLED=0 go vet ./... || code=1
done

# A folder of its own, so that neither go.mod nor the user's tools are touched.
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
GOBIN=$tools go install "honnef.co/go/tools/cmd/staticcheck@$staticcheck_version" || code=1
"$tools/staticcheck" ./... || code=1

exit "$code"
