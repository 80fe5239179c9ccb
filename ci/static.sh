#!/usr/bin/env bash
# What can be said without running anything: format, vet for each system that
# the project builds for, staticcheck.
set -euo pipefail
cd "$(dirname "$0")/.."

staticcheck_version=v0.8.2

unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
	printf 'gofmt would change:\n%s\n' "$unformatted" >&2
	exit 1
fi

go vet ./...
for system in darwin windows; do
	GOOS=$system CGO_ENABLED=0 go vet ./...
done

# A folder of its own, so that neither go.mod nor the user's tools are touched.
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
GOBIN=$tools go install "honnef.co/go/tools/cmd/staticcheck@$staticcheck_version"
"$tools/staticcheck" ./...
