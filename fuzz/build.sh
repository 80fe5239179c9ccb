#!/usr/bin/env bash
# Builds every fuzz target as a program of the farm's engine, as OSS-Fuzz and
# ClusterFuzzLite ask for it: $OUT is where programs and seeds go, $CXX, $CXXFLAGS
# and $LIB_FUZZING_ENGINE link one. Only this module and the hash are instrumented.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${OUT:?a folder for the programs}" "${LIB_FUZZING_ENGINE:?how the engine is linked, such as -fsanitize=fuzzer}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# build TAGS FILE builds the targets that a test file declares.
build() {
	local target
	for target in $(grep -oE '^func Fuzz[A-Za-z0-9]+' "$2" | cut -d' ' -f2); do
		CGO_ENABLED=1 go build -buildmode=c-archive -tags "$1" -trimpath \
			-gcflags='github.com/quiverdb/quiverdb-go/...=-d=libfuzzer' \
			-gcflags='github.com/cespare/xxhash/v2=-d=libfuzzer' \
			-ldflags "-X main.target=$target" -o "$work/$target.a" ./fuzz/farm
		# shellcheck disable=SC2086 # the flags are lists
		${CXX:-clang++} ${CXXFLAGS:-} ${LIB_FUZZING_ENGINE} "$work/$target.a" -lpthread -o "$OUT/$target"
	done
}
build libfuzzer fuzz/fuzz_test.go
build libfuzzer,folders fuzz/folder/folder_test.go
go run ./fuzz/farm/corpus "$OUT"
