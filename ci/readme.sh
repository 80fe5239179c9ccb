#!/usr/bin/env bash
# Tries what the README promises: every block marked `sh`, in its order, in a
# fresh clone of HEAD. What a newcomer has, and nothing that was not committed.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
chmod 755 "$work" # tests go there as another user too
trap 'rm -rf "$work"' EXIT
git clone --quiet --no-hardlinks . "$work/clone"
cd "$work/clone"

awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' README.md >"$work/commands"
if [ ! -s "$work/commands" ]; then
	echo "readme: no block marked sh in README.md" >&2
	exit 1
fi
cat "$work/commands"
# What the examples make goes into the temporary folder too.
TMPDIR=$work bash -euo pipefail "$work/commands"
[ -z "$(git status --porcelain)" ] || {
	echo "readme: the commands left something in the checkout:" >&2
	git status --short >&2
	exit 1
}
