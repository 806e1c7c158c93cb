"""A page of a PDF as a picture, with the boxes of a quote on it.

Draws in the calling process: files from outside go through `tutor.ingest.worker`.
"""

from __future__ import annotations

import base64
import ctypes
import io
import math
from dataclasses import asdict, dataclass
from typing import Any

from tutor.errors import DocumentError
from tutor.ingest.highlight import Box, Found, find_quote, line_boxes
from tutor.ingest.layout import Characters

WIDTH = 1200  # pixels of the picture, about twice what the page takes on a screen
MAX_PIXELS = 4_000_000
MAX_SIDE = 8_000  # pixels; a page can be a strip
MAX_QUOTE = 4_000  # characters that are searched for
_QUALITY = 80  # of WebP, 0 to 100


@dataclass(frozen=True)
class PageImage:
    """A page as it is drawn.

    Attributes:
        image: WebP.
        width, height: In pixels.
        boxes: left, top, right, bottom of each line of the quote, as shares of width and height.
        found: Whether the quote stands there exactly, nearly, or not.
    """

    image: bytes
    width: int
    height: int
    boxes: tuple[tuple[float, float, float, float], ...]
    found: Found

    def to_dict(self) -> dict[str, Any]:
        """The picture as JSON can hold it."""
        return {**asdict(self), "image": base64.b64encode(self.image).decode()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PageImage:
        """The picture that `to_dict` made `data` of."""
        boxes = tuple(tuple(map(float, box)) for box in data["boxes"])
        image = base64.b64decode(data["image"], validate=True)
        return cls(**{**data, "image": image, "boxes": boxes})


def draw_page(data: bytes, name: str, number: int, quote: str = "") -> PageImage:
    """Draw a page and find a quote on it.

    Args:
        data: The PDF.
        name: The file's name, for messages.
        number: 1-based.
        quote: What to find on the page; empty for nothing.

    Raises:
        DocumentError: The file can't be opened, or the page can't be drawn.
    """
    import pypdfium2 as pdfium

    from tutor.ingest.pdf import open_pdf

    pdf = open_pdf(data, name)
    try:
        count = len(pdf)
        if not 1 <= number <= count:
            raise DocumentError(f"{name} has no page {number}.", f"Choose one from 1 to {count}.")
        try:
            return _draw(pdf[number - 1], quote[:MAX_QUOTE])
        except (pdfium.PdfiumError, ValueError) as error:
            raise DocumentError(
                f"Page {number} of {name} can't be drawn.", "Read it in a PDF viewer."
            ) from error
    finally:
        pdf.close()


def _draw(page: Any, quote: str) -> PageImage:
    wide, high = page.get_size()
    if not (math.isfinite(wide) and math.isfinite(high) and wide > 0 and high > 0):
        raise ValueError("the page has no size")
    scale = min(
        WIDTH / wide, math.sqrt(MAX_PIXELS / (wide * high)), MAX_SIDE / wide, MAX_SIDE / high
    )
    # Annotations are left out: in papers they are coloured frames around links.
    bitmap = page.render(scale=scale, draw_annots=False)
    picture = bitmap.to_pil()
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=_QUALITY, method=1)
    boxes, found = _find(page, quote) if quote.strip() else ([], "none")
    return PageImage(
        buffer.getvalue(),
        picture.width,
        picture.height,
        tuple(_shares(page, box) for box in boxes),
        found,
    )


def _find(page: Any, quote: str) -> tuple[list[Box], Found]:
    # On a page that is turned PDFium may give the lines in the reverse order.
    rotation = page.get_rotation()
    page.set_rotation(0)
    textpage = page.get_textpage()
    page.set_rotation(rotation)
    characters = Characters(textpage)
    match = find_quote(characters.letters(), quote)
    boxes = line_boxes(match.places, [characters.bounds(place) for place in match.places])
    textpage.close()
    return boxes, match.found if boxes else "none"


def _shares(page: Any, box: Box) -> tuple[float, float, float, float]:
    """A box in points as shares of the picture; PDFium knows of rotated and cropped pages."""
    import pypdfium2.raw as raw

    fine = 100_000  # PDFium answers in whole pixels
    x, y = ctypes.c_int(), ctypes.c_int()
    ends = []
    for left, top in ((box[0], box[3]), (box[2], box[1])):
        raw.FPDF_PageToDevice(page.raw, 0, 0, fine, fine, 0, left, top, x, y)
        ends.append((min(max(x.value / fine, 0.0), 1.0), min(max(y.value / fine, 0.0), 1.0)))
    (x1, y1), (x2, y2) = ends
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)
