"""How reports name findings: for each, the phrases under a key word that each of them contains.

The first 14 are the labels of ChestX-ray14 (Wang et al., CVPR 2017); the others are what reports of the
Indiana University collection need besides. The key is looked for first, because finding a plain word is much
quicker than matching phrases.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrase:
    """Phrases that all contain the word `key`; both are for lower-cased text."""

    key: str
    pattern: re.Pattern[str]


def spell(*phrases: str) -> str:
    """A regular expression for any of the phrases; a space stands for any white space."""
    return "|".join(phrases).replace(" ?", r"\s*").replace(" ", r"\s+")


def compile_phrases(*phrases: str) -> re.Pattern[str]:
    """Any of the phrases, from a word's start."""
    return re.compile(rf"\b(?:{spell(*phrases)})")


HEART = (
    r"(?:heart|cardiac(?: (?:silhouette|size|contour|shadow))?"
    r"|cardio-?(?:mediastinal|pericardial|thymic|vascular)? ?(?:silhouette|contours?|size|shadow))"
)
DIAPHRAGM = r"(?:hemi-?)?diaphragm\w*"
_BONE = r"(?:ribs?|clavic\w+|vertebra\w*|spine|sternum|humer\w+|shoulder|t-?\d+|l\d|thoraco-?lumbar)"
_ANGLE = r"(?:costo-?phrenic|cardiophrenic|cp angle|sulc\w+|pleural spaces?|recess\w*)"

_LEXICON: dict[str, dict[str, tuple[str, ...]]] = {
    "Atelectasis": {
        "atelecta": (r"atelecta\w+",),
        "collaps": (
            r"(?:lobar|lung|lobe|segmental) collapse",
            r"collapsed?(?: of)?(?: the)?(?: \w+){0,4} (?:lung|lobe)",
        ),
        "volume": (r"volume loss", r"loss of volume"),
    },
    "Cardiomegaly": {
        "cardiomegal": (r"cardiomegal\w+",),
        "enlarge": (
            r"(?:cardiac|heart) enlargement",
            rf"enlarge(?:d|ment)(?: of)?(?: the)? {HEART}",
            rf"{HEART}[^.;,:]{{0,60}}?\benlarged",
        ),
        "large": (rf"{HEART}(?: (?:size|silhouette|is|are|appears?|\w+ly)){{1,4}} large\b",),
        "increased": (rf"{HEART}(?: (?:size|silhouette|is|are|appears?|\w+ly)){{1,4}} increased",),
        "prominent": (rf"{HEART}(?: (?:size|silhouette|is|are|appears?|\w+ly)){{1,4}} prominent",),
        "generous": (rf"{HEART}[^.;,:]{{0,30}}?\bgenerous",),
        "borderline": (rf"borderline (?:in )?{HEART}", rf"{HEART}[^.;,:]{{0,40}}?\bborderline"),
    },
    "Effusion": {
        "effusion": (r"(?:pleural )?(?<!pericardial\s)effusions?",),
        "fluid": (r"pleural fluid", r"fluid in the pleural", r"fluid (?:along|within|in) the \w+ fissure"),
        "blunt": (rf"blunt\w*[^.;]{{0,40}}?{_ANGLE}", rf"{_ANGLE}[^.;,]{{0,40}}?\bblunt\w*", r"blunting"),
        "hydropneumothora": (r"hydropneumothora\w+",),
        "hemothora": (r"hemothora\w+",),
    },
    "Infiltration": {"infiltrat": (r"infiltrat\w+",)},
    "Mass": {
        "mass": (r"mass(?:es)?\b(?! effect)", r"mass-?like"),
        "tumor": (r"tumors?\b",),
        "neoplas": (r"neoplas\w+",),
    },
    "Nodule": {
        "nodul": (r"\w*nodul\w+",),
        "round": (r"round(?:ed)?(?: \w+){0,2} (?:opacit\w+|densit\w+)",),
    },
    "Pneumonia": {
        "pneumoni": (r"(?:broncho)?pneumonias?\b", r"pneumonitis"),
        "infectious": (r"infectious (?:process|infiltrate|etiology)",),
    },
    "Pneumothorax": {"pneumothora": (r"(?:hydro|hemo)?pneumothora\w+",)},
    "Consolidation": {
        "consolidat": (r"consolidat\w+",),
        "space": (r"air ?-?space (?:disease|process|consolidation)",),
        "bronchogram": (r"air bronchogram\w*",),
    },
    "Edema": {
        "edema": (r"(?:pulmonary |interstitial |alveolar )?(?<!tissue\s)edema",),
        "oedema": (r"oedema",),
        "congesti": (
            r"congesti\w+ heart failure",
            r"(?:(?:\w+ )?(?:vascular|venous|pulmonary) )?congesti\w+",
        ),
        "engorge": (r"engorge\w+",),
        "redistribution": (r"(?:vascular|venous) redistribution",),
        "prominen": (
            r"(?:central|pulmonary|venous)(?: pulmonary)?(?: vascul\w+| venous) prominence",
            r"prominen(?:t|ce of)(?: the)?(?: central| pulmonary){1,2} (?:vascul\w+|vessels)",
            r"(?:vascular markings|vasculature|vascularity) (?:is|are|appears?) (?:\w+ )?prominent",
        ),
        "hypertension": (r"venous hypertension",),
        "cephalization": (r"cephalization",),
        "kerley": (r"kerley",),
        "overload": (r"(?:fluid|volume) overload",),
        "failure": (r"heart failure",),
        "chf": (r"chf\b",),
    },
    "Emphysema": {
        "emphysem": (r"(?<!subcutaneous\s)(?<!mediastinal\s)emphysem\w+",),
        "copd": (r"copd\b",),
        "obstructive": (r"obstructive (?:pulmonary|lung|airways?) disease",),
        "over": (r"over-?(?:inflat|expan|aerat|disten)\w+",),
        "hyper": (r"hyper-?(?:inflat|expan|lucen|aerat|disten)\w+",),
        "bull": (r"bull(?:a|ae|ous)\b",),
        "bleb": (r"blebs?\b",),
        "flatten": (
            rf"flatten\w+(?: of)?(?: the)?(?: \w+)? {DIAPHRAGM}",
            rf"{DIAPHRAGM}[^.;,]{{0,30}}?\bflatten\w+",
        ),
        "trapping": (r"air trapping",),
    },
    "Fibrosis": {
        "fibro": (r"fibro(?:sis|tic)",),
        "scar": (r"scar(?:s|ring|red)?\b",),
        "interstitial": (r"interstitial (?:lung )?disease", r"chronic[^.;,]{0,25}? interstitial"),
        "cicatri": (r"cicatri\w+",),
    },
    "Pleural_Thickening": {
        "thickening": (
            r"(?:pleural|fissur\w+)(?: \w+)? thickening",
            r"apical[^.;,]{0,25}? thickening",
            r"thickening(?: of| in)?(?: the)?(?: \w+)? (?:pleura|(?:\w+ )?fissure)",
        ),
        "cap": (r"(?:apical|pleural)(?: pleural)? cap(?:s|ping)?\b",),
        "plaque": (r"pleural plaques?",),
        "pleural": (r"pleural(?:[\s-]?\w+)? scar\w*", r"pleural reaction"),
    },
    "Hernia": {"hernia": (r"hernia\w*",)},
    "Support_Devices": {
        "catheter": (r"catheters?\b",),
        "picc": (r"picc\b",),
        "pace": (r"pacemakers?\b", r"pacers?\b"),
        "lead": (r"leads?\b",),
        "sternotomy": (r"sternotomy",),
        "port": (r"(?:medi-?)?ports?\b(?!-a)", r"port-a-cath\w*"),
        "clip": (r"clips?\b",),
        "suture": (r"sutures?\b",),
        "staple": (r"staples?\b",),
        "stent": (r"stents?\b",),
        "wire": (r"wires?\b",),
        "electrode": (r"electrodes?\b",),
        "tube": (r"tubes?\b",),
        "tracheostomy": (r"tracheostomy",),
        "defibrillator": (r"defibrillators?\b",),
        "icd": (r"a?icd\b",),
        "prosthe": (r"(?<!breast\s)prosthe\w+",),
        "hardware": (r"hardware",),
        "anchor": (r"anchors?\b",),
        "screw": (r"screws?\b",),
        "generator": (r"generators?\b",),
        "device": (r"devices?\b",),
        "arthroplasty": (r"arthroplasty",),
        "line": (r"(?:venous|central|picc|jugular|subclavian|support) lines?\b", r"lines? and tubes"),
        "implant": (r"implanted",),
        "filter": (r"filters?\b",),
        "intubat": (r"intubated",),
        "recorder": (r"loop recorder",),
        "swan": (r"swan-? ?ganz",),
        "balloon": (r"balloon pump",),
        "stimulator": (r"\w*stimulators?\b",),
        "valve": (r"valve (?:replacement|repair|prosthesis)",),
        "tip": (r"tip\b[^.;]{0,40}?\b(?:svc|ivc|superior|atri\w+|cav\w+|vein)\b",),
        "fusion": (r"(?:spin\w+|cervical|thoracic|lumbar|vertebral)(?: \w+)? fusion",),
    },
    "Fracture": {
        "fractur": (r"fractur\w+",),
        "deform": (rf"deform\w+[^.;,]{{0,50}}?\b{_BONE}\b", rf"{_BONE}\b[^.;,]{{0,25}}? deform\w+"),
        "height": (r"(?:loss of|decreased)(?: \w+){0,3} height", r"height loss"),
        "wedg": (r"wedg(?:e|ing)\b(?!-shaped)(?! shaped)",),
        "compress": (r"compression (?:deformit\w+|injur\w+)",),
    },
    "Granuloma_or_Calcification": {
        "granulom": (r"granulom\w+",),
        "calcif": (r"calcif\w+",),
        "calcium": (r"calcium",),
        "histoplasmosis": (r"histoplasmosis",),
        "atherosclero": (r"atherosclero\w+",),
    },
    "Scoliosis_or_Degenerative": {
        "scolio": (r"\w*scolio\w+",),
        "kypho": (r"kypho(?:sis|tic)",),
        "curvature": (r"(?<!diaphragmatic\s)(?:dextro|levo)?-?curvature",),
        "degenerat": (r"degenerat\w+",),
        "spondyl": (r"spondylo\w+|spondylitic",),
        "phyt": (r"(?:osteo|syndesmo)phyt\w+",),
        "spur": (r"spurs?\b|spurring",),
        "arthri": (r"(?:osteo)?arthritis|arthritic|osteoarthritic",),
        "arthro": (r"arthropathy|arthrosis",),
        "endplate": (r"endplate",),
        "disc": (r"dis[ck] space narrowing", r"dis[ck] disease"),
        "idiopathic": (r"idiopathic skeletal",),
    },
    "Opacity": {
        "opaci": (r"opaci\w+",),
        "opaque": (r"opaque",),
        "densit": (r"(?:hyper|radio)?densit(?:y|ies)\b",),
        "haz": (r"haz(?:y|iness)\b",),
    },
}


def compile_table(phrases: dict[str, tuple[str, ...]]) -> tuple[Phrase, ...]:
    return tuple(Phrase(key, compile_phrases(*spelled)) for key, spelled in phrases.items())


PHRASES: dict[str, tuple[Phrase, ...]] = {finding: compile_table(keys) for finding, keys in _LEXICON.items()}
