"""Lists of findings in a table's cell, and the names that datasets give to findings.

Notations: `A|B`, `A;B`, `A, B`, `['a', 'b']` (PadChest), `["a", "b"]` and `{'a': 1, 'b': 0}`. Names: those
of ChestX-ray14, CheXpert, PadChest (Bustos et al., Medical Image Analysis 66, 2020) and VinDr-CXR in English,
and those of the 14 findings in Spanish. A name that is not known is never taken as "nothing found".
"""

from __future__ import annotations

import ast
import json
import re
import unicodedata
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal

from radscribe.data.study import Box
from radscribe.labels import CHESTXRAY14

# finding: names of it. A name under `?finding` makes that finding unknown: it may or may not be meant.
_VOCABULARY = """
Atelectasis: atelectasis, laminar atelectasis, lobar atelectasis, total atelectasis, round atelectasis,
  segmental atelectasis, basal atelectasis, atelectasia, atelectasias, atelectasia laminar
?Atelectasis: volume loss, hypoexpansion, hypoexpansion basal, perdida de volumen
Cardiomegaly: cardiomegaly, enlarged heart, heart enlargement, cardiomegalia
?Cardiomegaly: enlarged cardiomediastinum, heart insufficiency
Effusion: effusion, pleural effusion, effusions, hydropneumothorax, hemothorax, loculated pleural effusion,
  loculated fissural effusion, empyema, derrame pleural, derrame
?Effusion: costophrenic angle blunting, pinzamiento del seno costofrenico, pleural other
Infiltration: infiltration, infiltrate, infiltrates, interstitial pattern, reticular interstitial pattern,
  reticulonodular interstitial pattern, ground glass pattern, miliary opacities, infiltrado, infiltrados,
  patron intersticial
?Infiltration: ild, interstitial lung disease, tuberculosis, tuberculosis sequelae, lung opacity, opacity
Mass: mass, pulmonary mass, lung mass, lung tumor, masa, masa pulmonar
?Mass: mediastinal mass, lung lesion, nodule mass, mass nodule, nodule or mass, other lesion
Nodule: nodule, nodules, pulmonary nodule, lung nodule, multiple nodules, nodulo, nodulos, nodulo pulmonar
?Nodule: pseudonodule, nipple shadow, lung lesion, nodule mass, mass nodule, nodule or mass, granuloma,
  calcified granuloma, other lesion, lung metastasis
Pneumonia: pneumonia, atypical pneumonia, viral pneumonia, bacterial pneumonia, bronchopneumonia, covid 19
  pneumonia, neumonia, neumonia atipica
?Pneumonia: covid 19, covid, covid 19 uncertain, tuberculosis
Pneumothorax: pneumothorax, hydropneumothorax, neumotorax
Consolidation: consolidation, air bronchogram, alveolar pattern, airspace disease, airspace opacity,
  consolidacion, condensacion, patron alveolar
?Consolidation: lung opacity, opacity, covid 19
Edema: edema, pulmonary edema, oedema, lung edema, edema pulmonar, edema de pulmon
?Edema: kerley lines, hilar congestion, vascular redistribution, central vascular redistribution, heart
  insufficiency, congestion
Emphysema: emphysema, pulmonary emphysema, bullas, bulla, enfisema, enfisema pulmonar
?Emphysema: copd signs, copd, air trapping, hyperinflated lung, flattened diaphragm
Fibrosis: fibrosis, pulmonary fibrosis, post radiotherapy changes, asbestosis signs, fibrosis pulmonar
?Fibrosis: fibrotic band, chronic changes, interstitial pattern, ild, interstitial lung disease,
  tuberculosis sequelae
Pleural_Thickening: pleural thickening, apical pleural thickening, calcified pleural thickening, minor
  fissure thickening, major fissure thickening, fissure thickening, engrosamiento pleural
?Pleural_Thickening: pleural plaques, calcified pleural plaques, pleural other
Hernia: hernia, hiatal hernia, hiatus hernia, diaphragmatic hernia, hernia de hiato, hernia hiatal
Opacity: opacity, lung opacity, airspace opacity, opacidad
Fracture: fracture, rib fracture, callus rib fracture, clavicle fracture, vertebral fracture, humeral
  fracture, vertebral compression, vertebral anterior compression, fractura, fractura costal
Support_Devices: support devices, support device, device, pacemaker, dual chamber device, single chamber
  device, electrical device, nsg tube, endotracheal tube, tracheostomy tube, chest drain tube,
  ventriculoperitoneal drain tube, gastrostomy tube, double j stent, catheter, central venous catheter,
  central venous catheter via subclavian vein, central venous catheter via jugular vein, reservoir central
  venous catheter, central venous catheter via umbilical vein, artificial heart valve, artificial mitral
  heart valve, artificial aortic heart valve, metal, sternotomy, suture material, osteosynthesis material,
  endoprosthesis, aortic endoprosthesis, abnormal foreign body, prosthesis, humeral prosthesis, surgery,
  surgery neck, surgery lung, surgery heart, surgery breast, mammary prosthesis, external foreign body,
  marcapasos
Granuloma_or_Calcification: granuloma, calcified granuloma, calcified densities, calcification, calcified
  adenopathy, aortic atheromatosis, heart valve calcified, calcified mediastinal adenopathy, granuloma
  calcificado, calcificacion
Scoliosis_or_Degenerative: scoliosis, kyphosis, vertebral degenerative changes, degenerative changes,
  escoliosis, cifosis
"""
# Names of which we have no finding of our own; they become labels under their own names.
_FURTHER = """
adenopathy, air fluid level, air trapping, aortic aneurysm, aortic button enlargement, aortic elongation,
aortic enlargement, asbestosis signs, ascendent aortic elongation, axial hyperostosis, azygoesophageal
recess shift, azygos lobe, blastic bone metastasis, bone cement, bone lesion, bone metastasis,
bronchiectasis, bronchovascular markings, calcified pleural plaques, cavitation, central vascular
redistribution, cervical rib, chilaiditi sign, chronic changes, congestion, copd, copd signs, costochondral
junction hypertrophy, costophrenic angle blunting, covid, covid 19, covid 19 uncertain, cyst, dai,
descendent aortic elongation, dextrocardia, diaphragmatic eventration, enlarged cardiomediastinum, enlarged
pa, esophagic dilatation, fibrotic band, fissure thickening, flattened diaphragm, ganglioneuroma, goiter,
gynecomastia, heart insufficiency, hemidiaphragm elevation, hilar congestion, hilar enlargement,
hydropneumothorax, hyperinflated lung, hypoexpansion, hypoexpansion basal, ild, increased density,
interstitial lung disease, kerley lines, lepidic adenocarcinoma, lipomatosis, loculated fissural effusion,
lung cavity, lung cyst, lung lesion, lung metastasis, lung vascular paucity, lymphangitis carcinomatosa,
lytic bone lesion, lytic bone metastasis, mass nodule, mastectomy, mediastinal enlargement, mediastinal
mass, mediastinal shift, mediastinic lipomatosis, nipple shadow, nodule mass, nodule or mass, non axial
articular degenerative changes, obesity, osteopenia, osteoporosis, other disease, other diseases, other
lesion, pectum carinatum, pectum excavatum, pericardial effusion, pleural other, pleural plaques,
pneumomediastinum, pneumoperitoneo, post radiotherapy changes, pseudonodule, pulmonary artery enlargement,
pulmonary artery hypertension, pulmonary hypertension, pulmonary venous hypertension, respiratory distress,
right sided aortic arch, round atelectasis, sclerotic bone lesion, soft tissue mass, subacromial space
narrowing, subcutaneous emphysema, superior mediastinal enlargement, supra aortic elongation, thoracic cage
deformation, tracheal shift, tuberculosis, tuberculosis sequelae, vascular hilar enlargement, vascular
redistribution, volume loss
"""
_NORMAL = frozenset(
    ("normal", "no finding", "no findings", "nofinding", "healthy", "no abnormality", "negative", "clear")
) | {"sin hallazgos", "sin hallazgo", "sano"}
# Names that say nothing about what is there.
_SILENT = frozenset(("exclude", "unchanged", "suboptimal study", "unknown", "not labelled", "sin cambios"))
_SEPARATORS = re.compile(r"[|;,\n\t]")
_OF_NUMPY = re.compile(r"(?<=['\"])\s{1,9}(?=['\"])")  # between the items of a printed array
_JOINED = re.compile(r"\s*(?:[/&+]|\band\b|\by\b)\s*", re.I)
_CLOSE = 0.75  # similarity from which on a known name is suggested


def normalise(name: str) -> str:
    """A name in lower case, without accents and with single spaces for `_`, `-` and `/`."""
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(re.sub(r"[_\-/\s]+", " ", plain.lower()).split())


def _words(text: str) -> list[str]:
    return [normalise(name) for name in text.replace("\n", " ").split(",") if name.strip()]


def _vocabulary() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Each known name with the findings that it means, and those that it makes unknown."""
    meant: dict[str, list[str]] = {name: [] for name in _words(_FURTHER)}
    doubtful: dict[str, list[str]] = {}
    for entry in re.split(r"\n(?=\S)", _VOCABULARY.strip()):
        finding, _, names = entry.partition(":")
        for name in _words(names):
            if finding.startswith("?"):
                doubtful.setdefault(name, []).append(finding[1:])
            else:
                meant.setdefault(name, []).append(finding)
    return {name: (tuple(meant.get(name, ())), tuple(doubtful.get(name, ()))) for name in meant | doubtful}


KNOWN = _vocabulary()


def own_name(key: str) -> str:
    """A known name as the key of a label: `aortic elongation` becomes `Aortic_Elongation`."""
    return "COVID-19" if key in ("covid", "covid 19") else "_".join(word.capitalize() for word in key.split())


def finding_of(name: str) -> str | None:
    """The one finding of ours that a name means, or None."""
    meant, _ = KNOWN.get(normalise(name), ((), ()))
    return meant[0] if len(meant) == 1 else None


def suggestion(name: str) -> str | None:
    """The known name that is most like another one."""
    near = get_close_matches(normalise(name), [*KNOWN, *_NORMAL], n=1, cutoff=_CLOSE)
    return (finding_of(near[0]) or near[0]) if near else None


def split_list(value: Any) -> list[str]:
    """The items of a list in any of the notations.

    Parameters
    ----------
    value : str, list or dict
        A cell. Of a dict, the keys with a true value are taken.
    """
    if isinstance(value, dict):
        return [str(name) for name, there in value.items() if there not in (0, False, None, "0")]
    if isinstance(value, (list, tuple, set)):
        return [str(item).strip() for item in value if item is not None and str(item).strip()]
    text = str(value).strip()
    if text[:1] in "[({" and text[-1:] in "])}":
        text = _OF_NUMPY.sub(", ", text)
        for parse in (json.loads, ast.literal_eval):
            try:
                return (
                    split_list(parsed)
                    if isinstance(parsed := parse(text), (dict, list, tuple, set))
                    else [text]
                )
            except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
                continue
        text = text[1:-1]
    if normalise(text) in KNOWN:
        return [text]
    return [item for part in _SEPARATORS.split(text) if (item := part.strip().strip("'\"").strip())]


def _parts(item: str) -> list[str]:
    """The names that are joined in an item, such as `mass and effusion`, if all of them are known."""
    parts = [part for part in _JOINED.split(item) if part.strip()]
    if normalise(item) in KNOWN or not all(normalise(part) in KNOWN for part in parts):
        return [item]
    return parts


@dataclass(slots=True)
class FindingLists:
    """Reads lists of findings as labels.

    Parameters
    ----------
    unnamed : {"absent", "unknown"}
        What is known of a finding of ChestX-ray14 that a list does not name.
    unknown : {"error", "keep"}
        Whether a name that is not known is an error, or becomes a label.
    strange : dict
        Names that are not known, with the place of the first and how often they occur.
    """

    unnamed: Literal["absent", "unknown"] = "absent"
    unknown: Literal["error", "keep"] = "error"
    strange: dict[str, tuple[str, int]] = field(default_factory=dict)

    def labels(self, value: Any, place: str) -> dict[str, float | None]:
        """The labels of a study.

        Parameters
        ----------
        value : str, list or dict
            A cell; an empty one says nothing.
        place : str
            Where it is, for a message.
        """
        found: dict[str, float | None] = {}
        normal = unsure = False
        for name in (part for item in split_list(value) for part in _parts(item)):
            key = normalise(name)
            if key in _NORMAL:
                normal = True
            elif key in KNOWN:
                meant, doubtful = KNOWN[key]
                found |= dict.fromkeys(meant or (own_name(key),), 1.0)
                found |= {finding: found.get(finding) for finding in doubtful}
            elif key.startswith("no ") and key[3:] in KNOWN:
                found |= dict.fromkeys(KNOWN[key[3:]][0] or (own_name(key[3:]),), 0.0)
            elif key not in _SILENT:
                first, count = self.strange.get(name, (place, 0))
                self.strange[name] = (first, count + 1)
                found["_".join(name.split())] = 1.0
                unsure = unsure or self.unknown != "keep"
        if (1.0 in found.values() or normal) and self.unnamed == "absent" and not unsure:
            found |= {finding: 0.0 for finding in CHESTXRAY14 if finding not in found}
        return found

    def problem(self, most: int = 5) -> str:
        """The unknown names in words; an empty string if there are none."""
        told: list[str] = []
        for name, (place, count) in sorted(self.strange.items(), key=lambda item: -item[1][1])[:most]:
            near = suggestion(name)
            hint = f" (did you mean {near}?)" if near else ""
            times = "" if count == 1 else f", {count:,} times"
            told.append(f"'{name}'{hint} in {place}{times}")
        more = f", and {len(self.strange) - most:,} more" if len(self.strange) > most else ""
        return ", ".join(told) + more


def read_boxes(value: Any) -> tuple[Box, ...]:
    """Read boxes, such as ``[["Mass", [0.1, 0.2, 0.3, 0.4]]]``: a finding, and x, y, width, height as shares.

    Parameters
    ----------
    value : str, list or None
        JSON, or what it stands for. An entry may also be an object with the fields of a `Box`.

    Raises
    ------
    ValueError
        This is not a list of boxes.
    """
    entries = json.loads(value) if isinstance(value, str) and value.strip() else value or []
    boxes: list[Box] = []
    for entry in entries:
        if isinstance(entry, dict):
            entry = (entry["finding"], [entry[side] for side in ("x", "y", "width", "height")])
        name, sides = entry
        x, y, width, height = map(float, sides)
        boxes.append(Box(finding_of(name) or str(name).replace(" ", "_"), x, y, width, height))
    return tuple(boxes)
