"""The smallest Word and Excel files that their programs open, as the members of the archive."""

from __future__ import annotations

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPE = "application/vnd.openxmlformats-officedocument"


def _xml(text: str) -> bytes:
    return (_HEAD + text).encode()


def _content_types(parts: dict[str, str]) -> bytes:
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="{_TYPE}.{kind}+xml"/>'
        for name, kind in parts.items()
    )
    return _xml(
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="bin" ContentType="application/octet-stream"/>'
        f"{overrides}</Types>"
    )


def _relationship(kind: str, target: str) -> bytes:
    return _xml(
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/{kind}" Target="{target}"/></Relationships>'
    )


DOCX = {
    "[Content_Types].xml": _content_types({"word/document.xml": "wordprocessingml.document.main"}),
    "_rels/.rels": _relationship("officeDocument", "word/document.xml"),
    "word/document.xml": _xml(
        f'<w:document xmlns:w="{_WORD}"><w:body><w:p><w:r><w:t>Invented by mailvault.</w:t></w:r>'
        "</w:p></w:body></w:document>"
    ),
}

XLSX = {
    "[Content_Types].xml": _content_types(
        {
            "xl/workbook.xml": "spreadsheetml.sheet.main",
            "xl/worksheets/sheet1.xml": "spreadsheetml.worksheet",
        }
    ),
    "_rels/.rels": _relationship("officeDocument", "xl/workbook.xml"),
    "xl/workbook.xml": _xml(
        f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": _relationship("worksheet", "worksheets/sheet1.xml"),
    "xl/worksheets/sheet1.xml": _xml(f'<worksheet xmlns="{_SHEET}"><sheetData/></worksheet>'),
}
