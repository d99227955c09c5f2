"""From a till's SHOUTED description to a title that a shop can show."""

import re

_SMALL = frozenset(("a", "an", "and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"))
_EXACT = {
    "t-light": "T-Light", "t-lights": "T-Lights", "tlight": "T-Light", "w": "with", "w/": "with", "asstd": "Assorted",
    "asst": "Assorted", "ass": "Assorted", "med": "Medium", "sml": "Small", "lge": "Large", "lrg": "Large",
    "neckl": "Necklace", "neckl.": "Necklace", "no": "No.", "no.": "No.", "ii": "II", "iii": "III", "iv": "IV",
    "uk": "UK", "usa": "USA", "led": "LED", "diy": "DIY", "cd": "CD", "dvd": "DVD", "tv": "TV", "mdf": "MDF",
    "usb": "USB", "diam": "Diameter", "+": "and", "&": "&", "i": "I", "ok": "OK", "mop": "MOP", "lola": "Lola",
    "cm": "cm", "kg": "kg", "fushcia": "Fuchsia", "fuschia": "Fuchsia",
}  # fmt: skip
_SET = re.compile(r"\bSET[ /]+(?:OF[ /]+)?(\d+)\b|\bS/(\d+)\b", re.IGNORECASE)
_PACK = re.compile(r"\bPACK[ /]+(?:OF[ /]+)?(\d+)\b|\bPK[ /]*(\d+)\b", re.IGNORECASE)
_SIZE = re.compile(r"\b(\d+(?:\.\d+)?)\s*(CM|MM|ML|KG|G)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\s/(]+")


def title_of(description: str) -> str:
    """``WHITE HANGING HEART T-LIGHT HOLDER`` becomes ``White Hanging Heart T-Light Holder``.

    Spaces are made single, stray punctuation at the ends is cut, ``S/4`` and ``SET/4`` become ``Set of 4``, ``W``
    becomes ``with``, short joining words stay small unless they come first.
    """
    text = re.sub(r"\s*,\s*", ", ", description.replace("`", "'"))
    text = re.sub(r"\bW/\s*", "with ", text, flags=re.IGNORECASE)
    text = _SET.sub(lambda m: f"Set of {m[1] or m[2]} ", text)
    text = _PACK.sub(lambda m: f"Pack of {m[1] or m[2]} ", text)
    text = _SIZE.sub(lambda m: f"{m[1]} {m[2].lower()}", text)
    text = re.sub(r"\s+", " ", text).strip(" ,.;:-*")
    titled = _WORD.sub(lambda m: _word(m[0]), text)
    return titled[:1].upper() + titled[1:]


def _word(word: str) -> str:
    lower = word.lower()
    core = lower.rstrip(",")
    if core in _EXACT:
        return _EXACT[core] + lower[len(core) :]
    if core in _SMALL or re.fullmatch(r"\d+(cm|mm|ml|kg|g|pc|x\d+)", core) or core in ("mm", "ml", "g"):
        return lower
    if re.fullmatch(r"([a-z]\.)+[a-z]?", core):
        return word.upper()
    if len(core) == 1:
        return word.upper()
    return re.sub(r"(^|[-\"'(&+!.])([a-z])(?!$)", lambda m: m[1] + m[2].upper(), lower)
