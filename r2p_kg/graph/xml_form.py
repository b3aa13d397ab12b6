"""What XML 1.0 can carry of an answer, looked for in the bytes that were written.

Most control characters, U+FFFE and U+FFFF stand in no XML document, not even as a reference
(https://www.w3.org/TR/xml/#charsets); a carriage return is read as a line feed unless it is a reference
(section 2.11); and RDF/XML writes a property as the name of an element, which must not be empty and must not
be one that it keeps for itself (https://www.w3.org/TR/rdf-syntax-grammar/, section 7.2.4).
"""

from __future__ import annotations

import re
from typing import Final

from r2p_kg.errors import NotAcceptableError
from r2p_kg.graph import media

_CONTROLS: Final = bytes(code for code in range(0x20) if code not in b"\t\n\r")
_CHARACTER: Final = re.compile(rb"[%s]|\xef\xbf[\xbe\xbf]" % re.escape(_CONTROLS))
_NONCHARACTERS: Final = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")

#: The element of a property: the engine indents it by two tabs, and writes no other ``<`` there.
_NAMELESS: Final = re.compile(rb"\n\t\t<[^:\s/>]+:[ />]")

_NO_NAME: Final = "has a property whose IRI does not end in a name"
_ITS_OWN: Final = "has a property with a name that RDF/XML keeps for itself"

#: What the engine says of a property whose name RDF/XML keeps for itself.
_RESERVED: Final = "reserved syntax term"
_RDF_XML: Final = "application/rdf+xml"


def checked(body: bytes, media_type: str, kind: str) -> bytes:
    """The body of an answer of a kind, its carriage returns as references if the media type is XML.

    Raises NotAcceptableError, which names the formats that can, if XML cannot carry the answer. Costs about a
    nanosecond a byte.
    """
    if not media_type.endswith("+xml"):
        return body
    if len(body.translate(None, _CONTROLS)) < len(body) or any(one in body for one in _NONCHARACTERS):
        found = _CHARACTER.search(body)
        code = ord(found[0].decode()) if found else 0
        holds = f"holds the character U+{code:04X}"
        raise _refused(holds, media_type, kind)
    if media_type == _RDF_XML and _NAMELESS.search(body):
        raise _refused(_NO_NAME, media_type, kind)
    return body.replace(b"\r", b"&#13;") if b"\r" in body else body


def refusal(error: Exception, media_type: str, kind: str) -> NotAcceptableError | None:
    """The error to raise instead of the engine's, if that says that the format cannot carry the answer."""
    if _RESERVED not in str(error):
        return None
    return _refused(_ITS_OWN, media_type, kind)


def _refused(what: str, media_type: str, kind: str) -> NotAcceptableError:
    there_is = ", ".join(form.media_type for form in media.formats(kind) if form.media_type != media_type)
    return NotAcceptableError(f"the answer {what}, which {media_type} cannot carry; ask for {there_is}")
