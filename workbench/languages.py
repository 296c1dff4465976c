"""Language codes as containers write them (ISO 639-2), and as everything here does (BCP-47)."""

from __future__ import annotations

from typing import Final

_CODES: Final = """
aa:aar ab:abk ae:ave af:afr ak:aka am:amh an:arg ar:ara as:asm av:ava ay:aym az:aze ba:bak be:bel bg:bul
bi:bis bm:bam bn:ben bo:bod:tib br:bre bs:bos ca:cat ce:che ch:cha co:cos cr:cre cs:ces:cze cu:chu cv:chv
cy:cym:wel da:dan de:deu:ger dv:div dz:dzo ee:ewe el:ell:gre en:eng eo:epo es:spa et:est eu:eus:baq
fa:fas:per ff:ful fi:fin fj:fij fo:fao fr:fra:fre fy:fry ga:gle gd:gla gl:glg gn:grn gu:guj gv:glv ha:hau
he:heb hi:hin ho:hmo hr:hrv ht:hat hu:hun hy:hye:arm hz:her ia:ina id:ind ie:ile ig:ibo ii:iii ik:ipk
io:ido is:isl:ice it:ita iu:iku ja:jpn jv:jav ka:kat:geo kg:kon ki:kik kj:kua kk:kaz kl:kal km:khm kn:kan
ko:kor kr:kau ks:kas ku:kur kv:kom kw:cor ky:kir la:lat lb:ltz lg:lug li:lim ln:lin lo:lao lt:lit lu:lub
lv:lav mg:mlg mh:mah mi:mri:mao mk:mkd:mac ml:mal mn:mon mr:mar ms:msa:may mt:mlt my:mya:bur na:nau nb:nob
nd:nde ne:nep ng:ndo nl:nld:dut nn:nno no:nor nr:nbl nv:nav ny:nya oc:oci oj:oji om:orm or:ori os:oss
pa:pan pi:pli pl:pol ps:pus pt:por qu:que rm:roh rn:run ro:ron:rum ru:rus rw:kin sa:san sc:srd sd:snd
se:sme sg:sag sh:hbs si:sin sk:slk:slo sl:slv sm:smo sn:sna so:som sq:sqi:alb sr:srp ss:ssw st:sot su:sun
sv:swe sw:swa ta:tam te:tel tg:tgk th:tha ti:tir tk:tuk tl:tgl tn:tsn to:ton tr:tur ts:tso tt:tat tw:twi
ty:tah ug:uig uk:ukr ur:urd uz:uzb ve:ven vi:vie vo:vol wa:wln wo:wol xh:xho yi:yid yo:yor za:zha
zh:zho:chi zu:zul
"""
_SHORT: Final = {long: short for short, *longer in (entry.split(":") for entry in _CODES.split()) for long in longer}


_LONG: Final = {short: longer for short, *longer in (entry.split(":") for entry in _CODES.split())}


def iso639_2(tag: str | None, *, bibliographic: bool = False) -> str:
    """The ISO 639-2 code of a BCP-47 tag: de and de-AT are deu, or ger as Matroska has it; "und" where unknown."""
    language = (tag or "").replace("_", "-").partition("-")[0].lower()
    codes = _LONG.get(language, [language if len(language) == 3 else "und"])
    return codes[-1 if bibliographic else 0]


def is_language(tag: str) -> bool:
    """Whether `tag` begins with the code of a language, as BCP-47 or ISO 639-2 has it."""
    language = tag.replace("_", "-").partition("-")[0].lower()
    return language in _LONG or language in _SHORT


def bcp47(code: str | None) -> str | None:
    """The BCP-47 tag of an ISO 639-2 code, terminological or bibliographic: deu and ger are de.

    Any other tag stays as it is; None where nothing is said ("und", "").
    """
    tag = (code or "").strip().replace("_", "-")
    language, dash, rest = tag.partition("-")
    if language.lower() in ("", "und", "mis", "mul", "zxx"):
        return None
    return _SHORT.get(language.lower(), language.lower()) + dash + rest
