# fuzz_build DIR OUT builds the fuzz targets of a package, to be sourced.
#
# Go's engine walks through all coverage counters after every input. go test -fuzz
# instruments the standard library too, which for a decoder is most of the counters
# and half of its time; here it is this module, the hash and, where a target gives
# bytes to it, the parser of JSON: all that a target is there to explore. No recipe
# of a folder makes a file in JSON; there the parser reads only the engine's own
# messages between its processes, which it then does at half the speed. The targets
# are the same.
fuzz_build() {
	local module json=()
	module=$(go list -m)
	if [ "$1" = fuzz ]; then
		json=(-gcflags=encoding/json=-d=libfuzzer)
	fi
	go test -c -gcflags="$module/...=-d=libfuzzer" -gcflags="$module/fuzz/disk=" \
		-gcflags=github.com/cespare/xxhash/v2=-d=libfuzzer "${json[@]}" -o "$2" "./$1"
}
