#!/usr/bin/env bash
# Installs the Python package as its README says, in a fresh virtual environment
# and without a network, runs the README's quick start and then the tests.
#
#	ci/python.sh             all
#	ci/python.sh test_fork   the named test files
set -euo pipefail
cd "$(dirname "$0")/.."

package=cmd/libquiverdb/python
for tool in python3 go gcc; do
	command -v "$tool" >/dev/null || {
		echo "python: $tool was not found" >&2
		exit 1
	}
done
if [ -z "${QUIVER_REFERENCE_VECTORS:-}" ] && [ -d ../shared/conformance ]; then
	QUIVER_REFERENCE_VECTORS=$(cd ../shared/conformance && pwd)
	export QUIVER_REFERENCE_VECTORS
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1
before=$(find "$package" | sort)
python3 -m venv "$work/venv"
python=$work/venv/bin/python
"$python" -m pip install --quiet --disable-pip-version-check --no-index "./$package"
go build -o "$work/quiverdb" ./cmd/quiverdb
[ "$before" = "$(find "$package" | sort)" ] || {
	echo "python: the installation left something in $package" >&2
	exit 1
}

# The tests must meet the installed package, not the sources: they run elsewhere.
export QUIVERDB_CHECKOUT=$PWD QUIVERDB_COMMAND=$work/quiverdb
export QUIVERDB_OPERATIONS=${QUIVERDB_OPERATIONS:-1000000}
tests=$PWD/$package/tests
mkdir "$work/quickstart"
cd "$work/quickstart"
awk '/^```python$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$QUIVERDB_CHECKOUT/$package/README.md" >quickstart.py
"$python" quickstart.py

# Each file in a process of its own, three at a time: they mostly wait, for the
# disk and for locks. The longest begin first.
run_file() {
	local log=$work/$1.log
	if [ ! -f "$tests/$1.py" ]; then
		echo "python: there is no file $tests/$1.py" >&2
		return 1
	fi
	if "$python" -m unittest discover --start-directory "$tests" --pattern "$1.py" >"$log" 2>&1; then
		printf 'ok   %-15s %s\n' "$1" "$(grep '^Ran ' "$log")"
		grep '^OK (' "$log" || true # tests that could not run here
	else
		printf 'FAIL %s\n' "$1"
		cat "$log"
		return 1
	fi
}
export -f run_file
export python tests work
names=("$@")
if [ $# -eq 0 ]; then
	names=(test_random test_leaks)
	for file in "$tests"/test_*.py; do
		name=$(basename "$file" .py)
		[[ " ${names[*]} " == *" $name "* ]] || names+=("$name")
	done
fi
printf '%s\n' "${names[@]}" | xargs -P 3 -n 1 bash -c 'run_file "$1"' run_file
