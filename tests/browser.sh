#!/usr/bin/env bash
# Make sure that a Chromium is there for the browser tests: Debian's, else Playwright's own.
set -euo pipefail
cd "$(dirname "$0")/.."
for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null && exit 0; done
echo "[test] Installing Chromium for the browser tests" >&2
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null && exit 0
fi
.venv/bin/playwright install chromium || {
    echo "[test] Chromium could not be installed. Install it with your package manager and try again." >&2
    exit 1
}
