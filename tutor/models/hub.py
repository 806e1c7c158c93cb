"""Downloads a hub repository's files in a process of its own, so that it can be cancelled.

python -m tutor.models.hub OWNER/NAME TARGET PATTERN…
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Downloads what the patterns match; on failure writes one line saying why."""
    from huggingface_hub import snapshot_download

    repository, target, *patterns = arguments
    try:
        snapshot_download(repository, local_dir=target, allow_patterns=patterns)
    # The hub client raises its own, requests' and OS errors; all mean the same to the caller.
    except Exception as error:
        sys.stdout.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
