#!/usr/bin/env bash
# Compile requirements/<profile>.in to a fully pinned list without download addresses.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "uv is needed: pip install uv" >&2; exit 1; }
export UV_FIND_LINKS=${UV_FIND_LINKS:-${PIP_FIND_LINKS:-}}
for profile in cpu gpu; do
    uv pip compile "requirements/$profile.in" --override "requirements/overrides-$profile.txt" \
        --constraint "requirements/constraints.txt" --python-version 3.11 \
        --no-annotate --no-header --no-emit-find-links --no-emit-index-url \
        ${torch_index:-} --output-file "requirements/$profile.txt"
done
