"""Abnormalities that have no label, and statements that deny several findings at once."""

from __future__ import annotations

from radscribe.text.lexicon import DIAPHRAGM, HEART, Phrase, compile_table

# Abnormalities that have no label of their own.
_OTHER: dict[str, tuple[str, ...]] = {
    "tortuo": (r"tortuo\w+",),
    "ectasia": (r"ectasia",),
    "ectatic": (r"ectatic",),
    "unfold": (r"unfold\w+",),
    "aneurysm": (r"aneurysm\w*",),
    "volume": (
        r"(?:low|decreased|diminished|reduced|small)(?: \w+)? volumes?",
        r"volumes? (?:is|are) (?:\w+ )?(?:low|decreased|diminished|small)\b(?! normal)",
    ),
    "hypo": (r"hypo-?(?:inflat|ventilat|expan|aerat)\w+",),
    "inspirat": (r"(?:poor|low|shallow|suboptimal|decreased) inspirat\w+",),
    "elevat": (rf"elevat\w+[^.;,]{{0,30}}{DIAPHRAGM}", rf"{DIAPHRAGM}[^.;,]{{0,30}}elevat\w+"),
    "eventration": (r"eventration",),
    "adenopathy": (r"(?:lymph)?adenopathy",),
    "widen": (r"widen\w+",),
    "prominen": (r"prominen\w+",),
    "crowding": (r"crowding",),
    "lucen": (r"lucen\w+",),
    "cyst": (r"cyst\w*",),
    "osteop": (r"osteop(?:enia|enic|oro\w+)",),
    "demineral": (r"demineral\w+",),
    "sclero": (r"(?<!athero)sclero\w+",),
    "lesion": (r"lesions?\b",),
    "abnormal": (r"abnormal\w*",),
    "azygo": (r"azygo\w+ (?:lobe|fissure)",),
    "mastectomy": (r"mastectomy",),
    "subcutaneous": (r"subcutaneous (?:emphysema|gas|air)",),
    "pectus": (r"pectus",),
    "shift": (r"shift\w*",),
    "foreign": (r"foreign bod\w+",),
    "dislocat": (r"dislocat\w+",),
    "nipple": (r"nipple",),
    "bronchi": (r"bronchi(?:tis|ectasis|olitis)",),
    "thick": (r"thicken\w+",),
    "cuffing": (r"cuffing",),
    "fat": (r"fat pad",),
    "hypertension": (r"hypertension",),
    "enlarge": (r"enlarge\w+",),
    "markings": (r"(?:increased|coarse\w*|accentuat\w+)[^.;,]{0,30} markings",),
    "cavit": (r"cavit(?:y|ary|ation)",),
    "tubercul": (r"tubercul\w+",),
    "sarcoid": (r"sarcoid\w*",),
    "pericardial": (r"pericardial (?:effusion|fluid)",),
}


OTHER_ABNORMALITY = compile_table(_OTHER)

# Statements that deny findings without naming them.
IMPLIED_ABSENT: tuple[tuple[Phrase, tuple[str, ...]], ...] = (
    (
        Phrase(
            "lung",
            r"lungs?\b[^.;,]{0,40}?\b(?:clear|unremarkable|normal(?! (?:volume|inflat|expan|size)))\b",
            r"clear lungs\b",
        ),
        ("Atelectasis", "Infiltration", "Mass", "Nodule", "Pneumonia", "Consolidation", "Edema", "Opacity"),
    ),
    (
        Phrase("disease", r"(?:no|without) (?:acute|active) (?:pulmonary|lung) disease"),
        ("Infiltration", "Pneumonia", "Consolidation", "Edema"),
    ),
    (
        Phrase(
            "normal",
            rf"(?:{HEART}|cardio-?mediastinal)[^.;]{{0,60}}?\bnormal\b(?! variant)",
            rf"normal (?:(?:\w+ )?(?:size|appearance|contours?) of (?:the )?)?(?:{HEART}"
            rf"|cardio-?mediastinal)",
        ),
        ("Cardiomegaly",),
    ),
    (
        Phrase(
            "unremarkable",
            rf"(?:{HEART}|cardio-?mediastinal)[^.;]{{0,60}}?\bunremarkable",
            rf"unremarkable (?:{HEART}|cardio-?mediastinal)",
        ),
        ("Cardiomegaly",),
    ),
    (Phrase("enlarged", rf"(?:non|un)-?enlarged {HEART}"), ("Cardiomegaly",)),
    (
        Phrase("intact", r"(?:bon[ey]\w*|osseous|skelet\w+|ribs?)\b[^.;]{0,40}?\bintact"),
        ("Fracture",),
    ),
    (
        Phrase("pleural", r"pleural spaces? (?:is|are|appears?) (?:clear|normal)"),
        ("Effusion", "Pneumothorax"),
    ),
    (
        Phrase("sharp", r"costophrenic (?:angles?|sulc\w+|recess\w+)[^.;]{0,20}?\bsharp"),
        ("Effusion",),
    ),
)
