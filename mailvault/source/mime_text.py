"""Text and bytes out of the encodings of mail, whatever they claim to be; nothing here fails."""

from __future__ import annotations

import binascii
import codecs
import re

_SUPERSETS = {
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso2022_jp": "iso2022_jp_ext",
    "iso8859-1": "cp1252",
    "shift_jis": "cp932",
}
"""Mail programs write the larger set under the smaller one's name."""

_NO_CHARSETS = {"ascii", "idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"}
"""What Python knows and mail cannot mean, some of it quadratic; and ASCII, which says nothing."""

_CHARSET_NAME = re.compile(r"[\w.:-]{1,40}", re.ASCII)

# Every repetition is bounded or possessive, so that no subject takes quadratic time.
_ENCODED_WORD = re.compile(
    r"=\?([\w.:-]{1,40})(?:\*[\w-]{0,40})?\?([bq])\?([^?]*+(?:\?(?!=)[^?]*+){0,9})\?=",
    re.ASCII | re.IGNORECASE,
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_FOLD = re.compile(r"[\r\n]+[ \t]*")
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} [^\n]*\n", re.MULTILINE)
_UU_LINE = re.compile(rb"^[ -`]{3,90}", re.MULTILINE)
MAX_UU_LINES = 400_000
"""Twenty megabytes in lines of the usual length; beyond it the text is kept as it is."""

_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
)


def storable(text: str) -> str:
    """Replace what PostgreSQL's text cannot hold: NUL and lone surrogates."""
    return _UNSTORABLE.sub("\ufffd", text)


def to_text(data: bytes | bytearray, charset: str | None = None) -> str:
    """Decode by the declared charset, else as UTF-8, else with replacements; never fail."""
    declared = _codec(charset)
    for codec in filter(None, (declared, "utf-8")):
        try:
            return storable(data.decode(codec))
        except (ValueError, LookupError):
            continue
    try:
        return storable(data.decode(declared or "cp1252", errors="replace"))
    except (ValueError, LookupError):  # a codec that knows no replacing
        return storable(data.decode("latin-1"))


def _codec(charset: str | None) -> str | None:
    """Return Python's name of the charset to try, or None where it is unknown or says nothing."""
    name = (charset or "").strip(" \t'\"").lower()
    for candidate in (name, name.removeprefix("x-"), re.sub(r"-[ei]$", "", name)):
        if not _CHARSET_NAME.fullmatch(candidate):
            continue
        try:
            found = codecs.lookup(candidate).name
        except LookupError:
            continue
        return None if found in _NO_CHARSETS else _SUPERSETS.get(found, found)
    return None


def header_text(raw: bytes | bytearray) -> str:
    """Decode and unfold the value of a header, with its encoded words as they are."""
    return _FOLD.sub(" ", to_text(raw)).strip()


def decode_words(text: str) -> str:
    """Decode RFC 2047's encoded words, wherever they stand.

    Neighbours in one charset are joined before they are decoded: mail programs cut characters
    in two.
    """
    pieces: list[str] = []
    run, charset, end = b"", "", 0
    for word in _ENCODED_WORD.finditer(text):
        between = text[end : word.start()]
        apart = bool(between.strip()) or not end
        if apart or word[1].lower() != charset:
            pieces += [to_text(run, charset), between if apart else ""]
            run, charset = b"", word[1].lower()
        run += _word_bytes(word[2], word[3])
        end = word.end()
    return "".join([*pieces, to_text(run, charset), text[end:]])


def _word_bytes(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8")
    return from_base64(raw) if encoding in "bB" else binascii.a2b_qp(raw, header=True)


def from_base64(data: bytes | memoryview) -> bytes:
    """Decode what can be decoded, with strange characters, no padding or a cut end."""
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        letters = bytes(data).translate(None, _NOT_BASE64)
        whole = letters[: len(letters) - (len(letters) % 4 == 1)]
        return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


def decode_transfer(data: memoryview, encoding: str) -> bytes:
    """Undo a Content-Transfer-Encoding; an unknown one is taken for none."""
    match re.sub(r"[^a-z0-9]", "", encoding.partition(";")[0].lower()):
        case "base64":
            return from_base64(data)
        case "quotedprintable":
            return binascii.a2b_qp(data)
        case "uuencode" | "uue" | "xuuencode" | "xuue":
            return _from_uu(bytes(data))
    return bytes(data)


def _from_uu(data: bytes) -> bytes:
    begin = _UU_BEGIN.search(data)
    if begin is None or data.count(b"\n") > MAX_UU_LINES:
        return data
    end = data.find(b"\nend", begin.end() - 1)
    decoded = bytearray()
    for line in _UU_LINE.finditer(data, begin.end(), end if end >= 0 else len(data)):
        decoded += _uu_line(line[0])
    return bytes(decoded)


def _uu_line(line: bytes) -> bytes:
    length = (line[0] - 32) & 63
    needed = (length * 4 + 5) // 3  # what follows is padding, or garbage that a2b_uu refuses
    return binascii.a2b_uu(line[:needed])
