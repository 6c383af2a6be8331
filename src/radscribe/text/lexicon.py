"""The phrases that name each finding, grouped by a key word that they contain.

The first 14 findings are the labels of ChestX-ray14 (Wang et al., CVPR 2017). The key is looked for first,
because finding a plain word is much faster than matching a phrase.
"""

from __future__ import annotations

import re


class Phrase:
    """Phrases for lower-cased text that all contain one word.

    Parameters
    ----------
    key : str
        The word.
    *spelled : str
        The phrases, as `spell` takes them.
    """

    __slots__ = ("_pattern", "_spelled", "key")

    def __init__(self, key: str, *spelled: str) -> None:
        self.key, self._spelled = key, spelled
        self._pattern: re.Pattern[str] | None = None

    @property
    def pattern(self) -> re.Pattern[str]:
        """Any of the phrases. It is compiled when a text has the word: most of 250 never come up."""
        if self._pattern is None:
            self._pattern = compile_phrases(*self._spelled)
        return self._pattern


def spell(*phrases: str) -> str:
    """Return a regular expression for any of the phrases. A space matches any white space."""
    # Bounded, so that no text makes a pattern slow.
    return "|".join(phrases).replace(" ?", r"\s{0,40}").replace(" ", r"\s{1,40}")


def compile_phrases(*phrases: str) -> re.Pattern[str]:
    """Return a pattern for any of the phrases, from the start of a word."""
    return re.compile(rf"\b(?:{spell(*phrases)})")


HEART = (
    r"(?:heart|cardiac(?: (?:silhouette|size|contour|shadow))?"
    r"|cardio-?(?:mediastinal|pericardial|thymic|vascular)? ?(?:silhouette|contours?|size|shadow))"
)
_HEART_IS = rf"{HEART}(?: ?[:=\u2013-])?(?: (?:size|silhouette|is|are|not|appears?|\w+ly)){{0,4}}"
DIAPHRAGM = r"(?:hemi-?)?diaphragm\w*"
_BONE = r"(?:ribs?|clavic\w+|vertebra\w*|spine|sternum|humer\w+|shoulder|t-?\d+|l\d|thoraco-?lumbar)"
_ANGLE = r"(?:costo-?phrenic|cardiophrenic|cp angle|sulc\w+|pleural spaces?|recess\w*)"

_LEXICON: dict[str, dict[str, tuple[str, ...]]] = {
    "Atelectasis": {
        "atelecta": (r"atelecta\w+",),
        "atx": (r"atx\b",),
        "atel": (r"atel\b",),
        "collaps": (
            r"(?:lobar|lung|lobe|segmental|r[uml]l|l[ul]l) collapse",
            r"collapsed?(?: of)?(?: the)?(?: \w+){0,4} (?:lung|lobe)",
            r"(?<=no\s)collapse\b",
        ),
        "volume": (r"volume loss", r"loss of volume"),
    },
    "Cardiomegaly": {
        "cardiomegal": (r"cardiomegal\w+",),
        "enlarge": (
            r"(?:cardiac|heart) enlargement",
            rf"enlarge(?:d|ment)(?: of)?(?: the)? {HEART}",
            rf"{HEART}(?: size)?(?: ?[:=])?[^.;,:]{{0,60}}?\benlarged",
        ),
        "large": (rf"{_HEART_IS} large\b",),
        "big": (rf"{_HEART_IS} big\b", rf"big {HEART}"),
        "increased": (rf"{_HEART_IS} increased",),
        "prominent": (rf"{_HEART_IS} prominent",),
        "generous": (rf"{HEART}[^.;,:]{{0,30}}?\bgenerous",),
        "cardiomeg": (r"cardiomeg\b",),
        "megaly": (r"c-?megaly\b",),
        "thoracic": (
            r"(?:increased|enlarged|elevated|augmented|high|raised) (?:cardio-?thoracic|ct) (?:index|ratio)",
            r"cardio-?thoracic (?:index|ratio)(?: ?:)?(?: (?:is|are|appears?|\w+ly)){0,3} (?:increased"
            r"|enlarged|elevated"
            r"|augmented|high|raised|above)",
        ),
        "ctr": (
            r"(?:increased|enlarged|elevated|high|raised) ctr\b",
            r"ctr (?:is )?(?:\w+ly )?(?:increased|enlarged|elevated|high|raised)",
        ),
        "borderline": (
            rf"borderline (?:in )?{HEART}",
            rf"{HEART}(?: size)?(?: ?[:=])?[^.;,:]{{0,40}}?\bborderline",
        ),
    },
    "Effusion": {
        "effusion": (r"(?:pleural )?(?<!pericardial\s)(?<!joint\s)(?<!knee\s)effusions?",),
        "effus": (r"(?:pleural )?effus?\b",),
        "eff": (r"(?:pl(?:\.|eural)? ?)?eff(?:n?s?)\b",),
        "hydrothora": (r"hydrothora\w+",),
        "fluid": (
            r"(?:pleural|thoracic) fluid",
            r"fluid in the pleural",
            r"fluid (?:along|within|in) the \w+ fissure",
        ),
        "blunt": (rf"blunt\w*[^.;]{{0,40}}?{_ANGLE}", rf"{_ANGLE}[^.;,]{{0,40}}?\bblunt\w*", r"blunting"),
        "hydropneumothora": (r"hydropneumothora\w+",),
        "hemothora": (r"hemothora\w+",),
    },
    "Infiltration": {"infiltrat": (r"infiltrat\w+",), "infil": (r"infilt?s?\b",)},
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
        "pna": (r"(?:broncho)?pna\b",),
        "pneum": (r"pneum\b",),
        "infectious": (r"infectious (?:process|infiltrate|etiology)",),
    },
    "Pneumothorax": {
        "pneumothora": (r"(?:hydro|hemo)?pneumothora\w+",),
        "ptx": (r"(?:hydro|hemo)?ptx\b",),
        "pnx": (r"pnx\b",),
        "pneumo": (r"(?:hydro)?pneumo\b(?!-)",),
    },
    "Consolidation": {
        "consolidat": (r"consolidat\w+",),
        "consol": (r"consols?\b",),
        "condensation": (r"condensations?\b(?! shadow)",),
        "asd": (r"(?:r[uml]l|l[ul]l|focal|patchy|basilar|bibasilar|lobe|lower|upper|no) asdz?\b",),
        "asdz": (r"asdz\b",),
        "space": (r"air ?-?space (?:disease|dz|process|consolidation)",),
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
        "b-line": (r"b-lines?\b",),
        "vascul": (
            r"(?:increased|indistinct)(?: (?:central|lung|pulmonary|perihilar))? vascul\w+",
            r"vascul\w+ (?:is|are|appears?) (?:\w+ )?(?:increased|indistinct)",
        ),
        "cephalization": (r"cephalization",),
        "kerley": (r"kerley",),
        "overload": (r"(?:fluid|volume) overload",),
        "failure": (r"heart failure",),
        "chf": (r"chf\b",),
        "pvh": (r"pvh\b",),
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
        "fibro": (r"fibro(?:sis|tic|us)",),
        "ild": (r"ild\b",),
        "ipf": (r"ipf\b",),
        "scar": (r"scar(?:s|ring|red)?\b",),
        "interstitial": (
            r"interstitial (?:lung )?disease",
            r"chronic[^.;,]{0,25}? interstitial",
            r"interstitial changes?\b",
        ),
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
        "cath": (r"caths?\b",),
        "pigtail": (r"pigtails?\b",),
        "trach": (r"trachs?\b",),
        "ett": (r"etts?\b",),
        "ngt": (r"ngts?\b",),
        "ogt": (r"ogts?\b",),
        "cv": (r"cv[cl]s?\b",),
        "ppm": (r"ppm\b",),
        "iabp": (r"iabp\b",),
        "dobhoff": (r"dob-?hoff\w*",),
        "picc": (r"picc\b",),
        "pace": (r"pacemakers?\b", r"pacers?\b"),
        "lead": (r"leads?\b",),
        "sternotomy": (r"sternotomy",),
        "port": (r"(?:medi-?)?ports?\b(?!-a)", r"port-a-cath\w*"),
        "clip": (r"(?<!cholecystectomy\s)clips?\b(?! (?:\w+ ){0,4}(?:gallbladder|upper quadrant|abdom\w+))",),
        "shunt": (r"shunt (?:tub\w+|catheter)", r"(?:vp|ventriculo-?\w+) shunt"),
        "tips": (r"tips (?:noted|present|in place|stent)\b",),
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
        "line": (
            r"(?:venous|central|picc|jugular|subclavian|support|ij|sc|arterial) lines?\b",
            r"lines? and tubes",
            r"(?<=no\s)lines\b",
            r"lines?(?= ?[:=])",
        ),
        "implant": (r"implanted",),
        "filter": (r"filters?\b",),
        "intubat": (r"intubated",),
        "recorder": (r"loop recorder",),
        "swan": (r"swan\b(?:-? ?ganz)?",),
        "balloon": (r"balloon pump",),
        "stimulator": (r"\w*stimulators?\b",),
        "valve": (r"valve (?:replacement|repair|prosthesis)",),
        "tip": (r"tip\b[^.;]{0,40}?\b(?:svc|ivc|superior|atri\w+|cav\w+|vein)\b",),
        "fusion": (r"(?:spin\w+|cervical|thoracic|lumbar|vertebral)(?: \w+)? fusion",),
    },
    "Fracture": {
        "fractur": (r"fractur\w+",),
        "fx": (r"fxs?\b",),
        "deform": (rf"deform\w+[^.;,]{{0,50}}?\b{_BONE}\b", rf"{_BONE}\b[^.;,]{{0,25}}? deform\w+"),
        "height": (r"(?:loss of|decreased)(?: \w+){0,3} height", r"height loss"),
        "irregularit": (
            rf"(?:contour|cortical) irregularit\w+[^.;,]{{0,40}}?\b{_BONE}\b",
            rf"{_BONE}\b[^.;,]{{0,20}}? (?:contour|cortical) irregularit\w+",
        ),
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
        "opac": (r"opacs?\b",),
        "densit": (r"(?:hyper|radio)?densit(?:y|ies)\b",),
        "haz": (r"haz(?:y|iness)\b(?! (?:infiltrat|consolidat))",),
        "ground": (r"ground-? ?glass\b",),
        "ggo": (r"ggos?\b",),
        "shadow": (
            r"(?:patchy|hazy|dens\w+|reticul\w+|flocculent|cloudy|exudative|high-density|condensation|soft)"
            r" shadow(?:s|ing)?\b",
        ),
    },
}


def compile_table(phrases: dict[str, tuple[str, ...]]) -> tuple[Phrase, ...]:
    return tuple(Phrase(key, *spelled) for key, spelled in phrases.items())


PHRASES: dict[str, tuple[Phrase, ...]] = {finding: compile_table(keys) for finding, keys in _LEXICON.items()}
