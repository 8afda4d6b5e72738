"""Whether prose affirms the label that it names: "not sad" and "anything but sad" do not."""

import re

BREAKS = re.compile(
    r"[.,;:!?()\n\u3001\u3002\u2014\u2013]|"
    r"\b(?:(?<!anything )(?<!nothing )(?<!all )but|however|though|although|yet|rather (?!than)|instead (?!of))"
)
NEGATES = re.compile(
    r"\b(?:not|no|never|neither|nor|without|cannot|rather than|instead of|than|lacks?|absence of|free of|rules? out|"
    r"ruled out|exclud\w+|unlike|anything but|far from|hardly|barely|scarcely|doubt|doubts|doubtful|wrong to|less|"
    r"fails? to|nobody|nothing(?! but)|(?<!a )little|rarely|seldom|devoid of|except|opposite of|fake|false|feigned|"
    r"pretend\w*|if|whether|unless|all but|non|"
    r"nicht|kein\w*|weder|ohne|pas|jamais|sans|n\u00e3o|nem|ni|sin|niet|geen|\u043d\u0435|\u043d\u0435\u0442|\u043d\u0438)\b|n't\b|"
    r"\u4e0d\w{0,2}$|\u5e76\u975e|\u6ca1\u6709|\u6beb\u65e0"
)
WINDOW = 48  # characters before a mention in which a negation counts
BEHIND = re.compile(
    r"(?:[ \t*_\"')]+\w+)?[ \t*_\"')]*\b(?:is|are|was|be|seems?) (?:not|never|unlikely|ruled out|absent|wrong|"
    r"incorrect|missing|lacking|excluded|impossible)\b|[ \t*_\"')]*(?:is|was)n't\b|\?\s*(?:no|not|never|hardly|nope)\b|"
    r"(?:\u3067\u306f|\u3058\u3083)\u306a"
)
# Politeness that borrows the name of a feeling.
MODIFIED = re.compile(r"-(?:ish|free|less|like)\b")
POLITE = re.compile(r" to (?:help|assist|oblige|provide|answer|analy[sz]e|clarify|say)\b")


def is_affirmed(lower: str, start: int, end: int) -> bool | None:
    """Return whether a text in lower case affirms the word from `start` to `end`, None where it is no label there."""
    before = BREAKS.split(lower[max(0, start - WINDOW) : start])[-1]
    after = lower[end : end + WINDOW]
    if POLITE.match(after) or MODIFIED.match(after):
        return None
    return not (NEGATES.search(before) or BEHIND.match(after) or before.endswith(("non-", "un-", "anti-")))
