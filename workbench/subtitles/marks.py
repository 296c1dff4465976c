"""The marks that end a sentence, or a part of one."""

from __future__ import annotations

import re

_SENTENCE_END = re.compile(r"[.!?…。！？｡؟۔।॥։។။][\"'”’»«“)\]}）」』】]*$")
_CLAUSE_END = re.compile(r"([,;:、，；：،؛—–-]|[)\]}）」』】])[\"'”’»“]*$")
_ABBREVIATION = re.compile(
    r"\W*(?:[^\W\d_]|mr|mrs|ms|dr|prof|st|jr|sr|vs|no|nr|bzw|ca|mme|mlle|sra?|dra?|e\.g|i\.e|z\.b)\.", re.IGNORECASE
)


def ends_sentence(text: str) -> bool:
    """Whether `text` ends with the mark of a sentence's end that is not one of an abbreviation."""
    last = text.rsplit(None, 1)[-1] if text.strip() else ""
    return bool(_SENTENCE_END.search(last)) and not _ABBREVIATION.fullmatch(last)


def ends_clause(text: str) -> bool:
    """Whether `text` ends with the mark of the end of a sentence's part."""
    return bool(_CLAUSE_END.search(text))
