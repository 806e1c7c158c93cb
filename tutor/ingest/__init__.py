"""Files to Documents to Chunks: PDF, Markdown, plain text, arXiv and the built-in corpus."""

from __future__ import annotations

from tutor.ingest.document import read_document

__all__ = ["read_document"]
