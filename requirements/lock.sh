#!/usr/bin/env bash
# Compile requirements/<profile>.in to a fully pinned list without download addresses: lock.sh [cpu] [gpu]
set -euo pipefail
cd "$(dirname "$0")"
command -v uv >/dev/null || { echo "uv is needed: pip install uv" >&2; exit 1; }
# uv does not read pip's find-links, where a CPU build of torch may lie.
export UV_FIND_LINKS=${UV_FIND_LINKS:-${PIP_FIND_LINKS:-}}
for profile in ${*:-cpu gpu}; do
    overrides=()
    [ "$profile" = cpu ] && overrides=(--override overrides.txt)
    uv pip compile "$profile.in" "${overrides[@]}" --constraint constraints.txt --python-version 3.11 \
        --no-annotate --no-header --no-emit-find-links --no-emit-index-url --quiet --output-file "$profile.txt"
done
