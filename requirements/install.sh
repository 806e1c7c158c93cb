#!/usr/bin/env bash
# Make .venv from the pinned requirements/<profile>.txt: requirements/install.sh (cpu|gpu)
# Idempotent, and safe to interrupt: an unfinished environment is made again from pip's cache.
set -euo pipefail
cd "$(dirname "$0")/.."
profile=${1:-cpu}
pins=requirements/$profile.txt
stamp=.venv/.complete
want="$profile $(cat "$pins" pyproject.toml requirements/install.sh | sha256sum | cut -d' ' -f1)"
[ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && exit 0

say() { printf '\033[2m[setup]\033[0m %s\n' "$*" >&2; }
fail() { say "$1"; [ -z "${2:-}" ] || say "$2"; exit 1; }

for python in python3.11 python3.12 python3; do
    if "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then break; fi
    python=
done
[ -n "$python" ] || fail "Python 3.11 or 3.12 is needed and was not found." "Install it, then run the same command again."

# A package whose installation was cut off looks installed to pip, so an unfinished environment is not reused.
[ -e "$stamp" ] || rm -rf .venv
rm -f "$stamp"
[ -x .venv/bin/python ] || { say "Making .venv with $($python --version)"; "$python" -m venv .venv; }
export PIP_CACHE_DIR="$PWD/.cache/pip" PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
log=.venv/install.log
total=$(grep -c '==' "$pins")

# pip's own output goes to the log; a running count shows that something happens.
pip_install() {
    .venv/bin/pip install --no-deps --progress-bar off "$@" 2>&1 | tee -a "$log" | awk -v total="$total" -v tty="$([ -t 2 ] && echo 1)" '
        /^(Collecting|Processing|Requirement already)/ { n++; if (tty) printf "\r[setup]   %d of %d packages ", n, total > "/dev/stderr"; else if (n % 50 == 0) printf "[setup]   %d of %d packages\n", n, total > "/dev/stderr" }
        /^Installing collected/ { if (tty) printf "\n" > "/dev/stderr"; print "[setup]   unpacking" > "/dev/stderr" }'
    return "${PIPESTATUS[0]}"
}

if [ "$profile" = cpu ]; then
    torch=$(grep '^torch==' "$pins")
    say "Installing $torch (CPU build, 200 MB)"
    # First where pip is configured to look on this machine (no network), then PyTorch's own index of CPU builds.
    .venv/bin/pip install --no-deps --no-index "$torch" >>"$log" 2>&1 ||
        .venv/bin/pip install --no-deps --timeout 20 --retries 1 --index-url https://download.pytorch.org/whl/cpu "$torch" >>"$log" 2>&1 ||
        fail "$torch could not be had from pip's find-links or PyTorch's CPU index (details: $log)." \
             "Connect to the network, or put its wheel into a folder and set PIP_FIND_LINKS to it."
fi
say "Installing $total pinned packages (about $([ "$profile" = cpu ] && echo 1 || echo 5) GB, some minutes)"
pip_install -r "$pins" || { tail -5 "$log" >&2; fail "The packages could not be installed (details: $log)." "Check the network and run the same command again: it goes on from its cache."; }
.venv/bin/pip install --no-deps --no-build-isolation --quiet -e . >>"$log" 2>&1 || { tail -5 "$log" >&2; fail "Tutor itself could not be installed (details: $log)."; }
rm -rf .cache/pip
echo "$want" >"$stamp"
say "The environment is ready: .venv"
