# fuzz_build DIR OUT builds the fuzz targets of a package, to be sourced.
#
# Go's engine walks through all coverage counters after every input. go test -fuzz
# instruments the standard library too, which for a decoder is most of the counters
# and half of its time; here it is this module, the hash and the parser of JSON, all
# that a target is there to explore. The targets are the same.
fuzz_build() {
	local module
	module=$(go list -m)
	go test -c -gcflags="$module/...=-d=libfuzzer" -gcflags=github.com/cespare/xxhash/v2=-d=libfuzzer \
		-gcflags=encoding/json=-d=libfuzzer -o "$2" "./$1"
}
