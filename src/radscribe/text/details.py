"""Finer findings than `LABELS`: what reports say of a chest beside the labels, and kinds of a label.

They are read with the same rules. A label may hold several of them: `Emphysema` holds `Hyperinflation`,
`Fibrosis` holds `Scar`, `Granuloma_or_Calcification` holds `Granuloma`, `Calcification` and
`Atherosclerosis`. They serve as training labels and are not among a caption's findings.
"""

from __future__ import annotations

from radscribe.text.findings import Mention, Status, read_mentions, summarise
from radscribe.text.lexicon import DIAPHRAGM, compile_table

_AORTA = r"(?:aort\w+|arch|knob)"
_SPINE = r"(?:spin\w+|vertebra\w*|dis[ck]\w*|endplates?|thoracic|dorsal)"
_DETAILS: dict[str, dict[str, tuple[str, ...]]] = {
    "Hyperinflation": {
        "over": (r"over-?(?:inflat|expan|aerat|disten)\w+",),
        "hyper": (r"hyper-?(?:inflat|expan|aerat|disten)\w+",),
        "flatten": (
            rf"flatten\w+(?: of)?(?: the)?(?: \w+)? {DIAPHRAGM}",
            rf"{DIAPHRAGM}[^.;,]{{0,30}}?\bflatten\w+",
        ),
        "trapping": (r"air trapping",),
    },
    "Low_Lung_Volumes": {
        "volume": (
            r"(?:low|decreased|diminished|reduced|small)(?: \w+)? (?:lung )?volumes?",
            r"volumes? (?:is|are|remain) (?:\w+ )?(?:low|decreased|diminished|small)\b(?! normal)",
        ),
        "hypo": (r"hypo-?(?:inflat|ventilat|expan|aerat)\w+",),
        "inspirat": (r"(?:poor|low|shallow|suboptimal|decreased) inspirat\w+",),
    },
    "Scar": {"scar": (r"scar(?:s|ring|red)?\b",), "cicatri": (r"cicatri\w+",)},
    "Interstitial_Disease": {
        "interstitial": (
            r"interstitial (?:\w+ )?(?:disease|markings?|prominence|changes?|opacit\w+|thickening|pattern)",
            r"interstitial fibrosis",
        ),
        "reticul": (r"reticul\w+",),
    },
    "Vascular_Congestion": {
        "congesti": (r"(?:vascular|venous|pulmonary|central) congesti\w+", r"congesti\w+"),
        "engorge": (r"engorge\w+",),
        "cephalization": (r"cephalization",),
        "redistribution": (r"(?:vascular|venous) redistribution",),
    },
    "Granuloma": {"granulom": (r"granulom\w+",), "histoplasmosis": (r"histoplasmosis",)},
    "Calcification": {"calcif": (r"calcifi\w+",), "calcium": (r"calcium",)},
    "Atherosclerosis": {
        "atherosclero": (r"atherosclero\w+",),
        "calcif": (rf"calcif\w+(?: \w+){{0,3}} {_AORTA}\b", rf"{_AORTA}[^.;,]{{0,30}}? calcif\w+"),
    },
    "Tortuous_Aorta": {
        "tortuo": (r"tortuo\w+",),
        "unfold": (r"unfold\w+",),
        "ectasia": (r"ectasia",),
        "ectatic": (r"ectatic",),
    },
    "Degenerative_Spine": {
        "degenerat": (r"degenerat\w+",),
        "spondyl": (r"spondylo\w+",),
        "phyt": (r"(?:osteo|syndesmo)phyt\w+",),
        "spur": (r"spurs?\b|spurring",),
        "dis": (r"dis[ck] space narrowing", r"dis[ck] disease"),
        "endplate": (r"endplate",),
    },
    "Scoliosis": {
        "scolio": (r"\w*scolio\w+",),
        "kypho": (r"kypho(?:sis|tic)",),
        "curvature": (r"(?<!diaphragmatic\s)(?:dextro|levo)?-?curvature",),
    },
    "Osteopenia": {"osteop": (r"osteop(?:enia|enic|oro\w+)",), "demineral": (r"demineral\w+",)},
    "Elevated_Diaphragm": {
        "elevat": (rf"elevat\w+[^.;,]{{0,30}}{DIAPHRAGM}", rf"{DIAPHRAGM}[^.;,]{{0,30}}elevat\w+"),
        "eventration": (r"eventration",),
    },
    "Airspace_Opacity": {
        "space": (r"air ?-?space (?:disease|process|consolidation|opacit\w+)",),
        "consolidat": (r"consolidat\w+",),
    },
    "Adenopathy": {"adenopathy": (r"(?:lymph)?adenopathy",)},
    "Sternotomy": {"sternotomy": (r"sternotomy",), "sternal": (r"sternal wires?",)},
    "Catheter": {
        "catheter": (r"catheters?\b",),
        "picc": (r"picc\b",),
        "line": (r"(?:venous|central|jugular|subclavian) lines?\b",),
        "port": (r"(?:medi-?)?ports?\b(?!-a)", r"port-a-cath\w*"),
    },
    "Pacemaker": {
        "pace": (r"pacemakers?\b", r"pacers?\b"),
        "icd": (r"a?icd\b",),
        "defibrillator": (r"defibrillators?\b",),
    },
    "Tube": {
        "tube": (r"tubes?\b",),
        "tracheostomy": (r"tracheostomy",),
    },
    "Surgical_Clips": {"clip": (r"clips?\b",), "suture": (r"sutures?\b",), "staple": (r"staples?\b",)},
}
DETAILS: tuple[str, ...] = tuple(_DETAILS)
_TABLE = tuple((name, phrase) for name, phrases in _DETAILS.items() for phrase in compile_table(phrases))


def find_details(text: str) -> list[Mention]:
    """Return every mention of a finer finding, in the order of the text; `finding` is one of `DETAILS`."""
    return read_mentions(text, _TABLE)


def label_details(text: str) -> dict[str, Status]:
    """Return the finer findings of a report. One that the text does not mention has no key.

    Examples
    --------
    >>> label_details("Hyperinflated lungs. No tortuosity of the aorta.")
    {'Hyperinflation': 'present', 'Tortuous_Aorta': 'absent'}
    """
    return summarise(find_details(text))
