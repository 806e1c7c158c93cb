"""The library: documents in and out of the index, and what is known of papers.

`library` puts documents in and finds them; below it `shelf` keeps files, `listings` what arXiv said
of them, `indexing` their vectors, `twins` joins copies, `citations` tells who cites whom. Above it
`papers` and `news` ask arXiv, `pages` shows a page, `standing` a paper's place on the roadmap.
"""

from tutor.library.library import Ingested, Library, Progress

__all__ = ["Ingested", "Library", "Progress"]
