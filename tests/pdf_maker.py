"""Small PDFs for tests: lines of text at given places, with outline, stamp or password."""

from __future__ import annotations

import io
from collections.abc import Sequence

from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

# (text, x, y, size, bold)
PrintedLine = tuple[str, float, float, float, bool]


def _escape(text: str) -> bytes:
    raw = text.encode("cp1252", "replace")
    return raw.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def make_pdf(
    pages: Sequence[Sequence[PrintedLine]],
    title: str = "",
    password: str | None = None,
    bookmarks: Sequence[tuple[str, int]] = (),
) -> bytes:
    """A PDF; an empty `password` encrypts it for the owner alone."""
    writer = PdfWriter()
    fonts = DictionaryObject()
    for name, base in (("F1", "Times-Roman"), ("F2", "Times-Bold")):
        fonts[NameObject(f"/{name}")] = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject(f"/{base}"),
                NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
            }
        )
    for lines in pages:
        page = writer.add_blank_page(612, 792)
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        content = DecodedStreamObject()
        content.set_data(
            b"\n".join(
                b"BT /%s %.1f Tf 1 0 0 1 %.1f %.1f Tm (%s) Tj ET"
                % (b"F2" if bold else b"F1", size, x, y, _escape(text))
                for text, x, y, size, bold in lines
            )
        )
        page[NameObject("/Contents")] = writer._add_object(content)
    for name, number in bookmarks:
        writer.add_outline_item(name, number)
    if title:
        writer.add_metadata({"/Title": title})
    if password is not None:
        writer.encrypt(user_password=password, owner_password="owner")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def column(
    lines: Sequence[str], x: float = 72, top: float = 700, size: float = 10, bold: bool = False
) -> list[PrintedLine]:
    """Lines below each other with the usual distance."""
    return [(text, x, top - 1.2 * size * n, size, bold) for n, text in enumerate(lines)]
