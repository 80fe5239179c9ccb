#!/usr/bin/env bash
# Reads the reference's databases with a freshly built quiverdb and compares.
# They stand in $QUIVER_REFERENCE_VECTORS or beside the checkout.
set -euo pipefail
cd "$(dirname "$0")/.."

vectors=${QUIVER_REFERENCE_VECTORS:-../shared/conformance}
if [ ! -d "$vectors" ]; then
	echo "vectors: there is no folder $vectors (set QUIVER_REFERENCE_VECTORS)" >&2
	[ -z "${QUIVER_REFERENCE_VECTORS:-}" ] # a folder that was named must be there
	exit
fi

bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
go build -o "$bin/" ./cmd/quiverdb ./ci/vectors
"$bin/vectors" -bin "$bin/quiverdb" -dir "$vectors"
