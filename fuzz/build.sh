#!/usr/bin/env bash
# Builds every fuzz target as a program of the farm's engine, as OSS-Fuzz and
# ClusterFuzzLite ask for it: $OUT is where programs and seeds go, $CXX, $CXXFLAGS
# and $LIB_FUZZING_ENGINE link one. Only this module and the hash are instrumented.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${OUT:?a folder for the programs}" "${LIB_FUZZING_ENGINE:?how the engine is linked, such as -fsanitize=fuzzer}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The engine reads its own log in a package that nothing outside of quiver may import,
# and the properties of that stand in its tests. For these builds the tests stand in
# the package, and one more package, which is nowhere else, hands the properties on.
log=quiver/internal/wal
module=$(go list -m)
printf 'package farmlog\n\nimport "%s"\n\nvar Properties = wal.ScanProperties\n' "$module/$log" >"$work/farmlog.go"
printf '//go:build libfuzzer\n\npackage main\n\nimport "%s/quiver/farmlog"\n\nfunc properties() map[string]func([]byte) error { return farmlog.Properties() }\n' "$module" >"$work/main.go"
printf '{"Replace":{"%s":"%s","%s":"%s","%s":"%s","%s":"%s"}}\n' \
	"$PWD/quiver/farmlog/farmlog.go" "$work/farmlog.go" "$PWD/fuzz/farm/log.go" "$work/main.go" \
	"$PWD/$log/fuzz.go" "$PWD/$log/fuzz_test.go" "$PWD/$log/helpers.go" "$PWD/$log/helpers_test.go" >"$work/overlay.json"

# build TAGS FILE [FLAG…] builds the targets that a test file declares.
build() {
	local target tags=$1 file=$2
	shift 2
	for target in $(grep -oE '^func Fuzz[A-Za-z0-9]+' "$file" | cut -d' ' -f2); do
		CGO_ENABLED=1 go build -buildmode=c-archive -tags "$tags" -trimpath "$@" \
			-gcflags='github.com/quiverdb/quiverdb-go/...=-d=libfuzzer' \
			-gcflags='github.com/cespare/xxhash/v2=-d=libfuzzer' \
			-ldflags "-X main.target=$target" -o "$work/$target.a" ./fuzz/farm
		# shellcheck disable=SC2086 # the flags are lists
		${CXX:-clang++} ${CXXFLAGS:-} ${LIB_FUZZING_ENGINE} "$work/$target.a" -lpthread -o "$OUT/$target"
	done
}
build libfuzzer fuzz/fuzz_test.go
build libfuzzer,folders fuzz/folder/folder_test.go
build libfuzzer,scan "$log/fuzz_test.go" -overlay "$work/overlay.json"
go run ./fuzz/farm/corpus "$OUT"
