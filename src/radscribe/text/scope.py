"""Whether the words around a finding assert it, deny it or leave it open.

After NegEx (Chapman et al., J Biomed Inform 2001): a cue reaches forward or backward over its clause, and
some words end its reach. Doubt, and cues behind the finding, are as in the CheXpert labeller (Irvin et al.,
AAAI 2019). Two things are added: words that qualify a cue ("not resolved", "no change in"), and a safe
default: a word of negation or doubt that no rule understands leaves the finding open.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from radscribe.text.lexicon import spell

Status = Literal["present", "absent", "uncertain"]
Kind = Literal[
    "unsure",
    "neutral",
    "open",
    "denied",
    "doubted",
    "denied_behind",
    "doubted_behind",
    "both",
    "history",
    "cause",
    "end",
    "unclear",
]

_SEEN = (
    r"(?:seen|identified|present|visuali[sz]ed|visible|evident|apparent|appreciated|appreciable"
    r"|demonstrat\w+|noted|detected|detectable|observed|found|recogni[sz]\w+|discern\w+|shown"
    r"|conspicuous|evidenced)"
)
_IS = r"(?:is|are|was|were|has been|have been|had been|be|being|seems?|appears?|remains?)"
_CANNOT = r"(?:cannot|can't|can not|could not|couldn't|may not)"
_NOT_EXCLUDED = rf"(?:{_CANNOT}|not|difficult to|hard to|impossible to|unable to)(?: be)?(?: \w+ly)?(?: be)?"
_ADVERBS = r"(?: \w+ly| well| yet| clearly| any ?more| otherwise){0,2}"
# Where a word that may stand before or behind a finding stands behind it.
_LAST = (
    r"(?= ?(?:$|[.,;:)\]/]|(?:bilaterally|clinically|radiographically|currently|today|now|again|on|in"
    r"|at|from|since|and|but|given|based|because|by|to exclude)\b))"
)
_PARTLY = (
    r"(?:near(?:ly)?|almost|all but|partly|partial(?:ly)?|incomplete(?:ly)?|not"
    r"|subtotal(?:ly)?|most(?:ly)?|largely"
    r"|slow(?:ly)?|some|substantial(?:ly)?|moderate(?:ly)?|mild(?:ly)?|gradual(?:ly)?|minimal(?:ly)?"
    r"|slight(?:ly)?|significant)"
)
_CHANGE = (
    r"(?:changes?|increase|decrease|improvement|worsening|progression|growth|regression|reduction"
    r"|difference|alteration|resolution|clearing|enlargement(?! (?:of )?(?:the )?(?:heart|card\w+)))"
)
_CHANGED = (
    r"(?:changed|increased|decreased|improved|worsened|progressed|regressed|larger|smaller|worse|better"
    r"|new|grown|resolved|cleared|disappeared|gone|bigger|different|calcified|displaced|loculated|large)"
)
_CHANGES = (
    r"(?:resolve|clear|disappear|change|improve|worsen|progress|regress|respond|increase|decrease|enlarge)"
)
# "Resolution of the effusion is incomplete."
_NOT_YET = (
    r"(?: is| was| remains| has been| appears)(?: still| only| so far| \w+ly){0,2} (?:incomplete|partial|not"
    r"|near|almost|ongoing|slow|pending|in progress|underway|expected|awaited|subtotal|minimal)"
)
# "No infiltrate and effusions are present": the second finding has a verb of its own.
_SO = (
    r"(?:(?:is|are|was|were|remains?|appears?) (?:\w+ly )?(?:present|unchanged|stable|again|still|now|similar"
    r"|small|large|tiny|mild|moderate|severe|minimal|enlarged|increased|increasing|decreased|new|worse|larger"
    r"|smaller|better|improv\w+|borderline|persistent)|(?:has|have) (?:\w+ly )?(?:increased"
    r"|decreased|developed"
    r"|improved|worsened|progressed|enlarged|persisted|appeared)|persists?)\b"
)
# Which words open a statement, so that a list of denials ends: "no effusion, mild cardiomegaly".
_ASSERTS = (
    r"(?:probabl[ey]|likely|mild\w*|moderate\w*|stable|unchanged|minimal\w*|old|chronic|there|the|heart"
    r"|lungs?|cardi(?!omegal)\w+|mediastin\w+|pulmonary vasc\w+|degenerative|calcified|scattered|status"
    r"|with(?! no\b|out\b)|only|just|this|these|it|definite\w*|(?:possible|questionable)(?! ?(?:$"
    r"|[.,;]))|persistent|increased|increasing|worsening)\b"
)
# These do as well, unless the list goes on: "no effusion, large mass, or nodule".
_ASSERTS_ALONE = (
    r"(?:small|large|tiny|trace|left|right|bilateral|bibasilar|patchy|hazy|new|subtle|marked\w*|severe)\b"
)
_ANSWERED = (
    r"(?:none|nil|no|not|neg|negative|absent|excluded|ruled out|unlikely|doubtful|possible|cannot"
    r"|can't)\b"
)

# Cue → spellings. The first kind that fits at a place wins, so the longer sayings come first.
_CUES: dict[Kind, tuple[str, ...]] = {
    # Whatever the clause says, its writer is not sure of it: "cannot be certain that pneumonia is absent".
    "unsure": (
        rf"(?:{_IS} )?(?:{_CANNOT}|not|never|hard(?:ly)?|difficult|impossible|unable)(?: to)?(?: be)?"
        r"(?: \w+ly)? (?:certain|sure|convinced|confident|say|tell|know|guarantee|clear|confirm)(?: \w+ly)?"
        r" (?:that|if|whether)\b",
        rf"(?:{_IS} )?(?:uncertain|unclear|unsure|unknown|questionable|open|(?:a )?question of)"
        r" (?:that|if|whether)\b",
    ),
    # A denial of a change, or of a part, asserts the finding.
    "neutral": (
        rf"(?:no|nor|neither|without|lack of|absence of)(?: (?:complete|\w+ly|significant"
        rf"|interval|appreciable|definite|substantial|obvious"
        rf"|other|new|great|major|overall|real|gross|apparent|notable|further|marked|radiographic"
        rf"|evidence of|signs? of|evidence for)){{0,4}} {_CHANGE}\b",
        rf"(?:has|have|had|is|are|was|were)(?: not|n't) been (?:any )?(?:\w+ ){{0,2}}{_CHANGE}\b",
        rf"not(?: (?:\w+ly|yet|any|been)){{0,3}} {_CHANGED}\b",
        rf"not (?:much|any|a)(?: \w+){{0,2}} {_CHANGE}\b",
        rf"(?:has|have|had|did|do|does|is|are)(?: not|n't)(?: (?:\w+ly|yet|been|appear to"
        rf"|seem to|have|to)){{0,4}}"
        rf" (?:{_CHANGED}|{_CHANGES})\b",
        rf"(?:fail\w*|yet|unlikely) to {_CHANGES}\b",
        rf"failure of(?=[^.;,]{{0,60}} to {_CHANGES}\b)",
        r"(?:no|without) [\u2191\u2193]",
        r"not (?:as|so) \w+\b",
        r"not an? new\b",
        r"not (?:entirely |completely |fully )?(?:without|free (?:of|from)|clear of|devoid of|absent)\b",
        r"\d{1,2} ?(?:%|percent) (?:resolved|cleared)",
        rf"{_PARTLY}(?:-| )(?:complete(?:ly)? )?(?:resolved|cleared|resolution|clearing"
        rf"|regression)(?: of)?\b",
        r"(?:most|strongly|highly) suggestive",
        r"not (?:only|necessarily|surprising\w*|unexpected\w*|unlike(?:ly)?)\b",
        r"no longer (?:as|so)\b",
        r"(?:no|without|beyond) (?:any )?(?:doubt|question)\b(?! of)",
        rf"not {_SEEN} (?:on|in) (?:the )?(?:prior|previous|comparison|lateral)",
    ),
    "doubted_behind": (
        rf"{_NOT_EXCLUDED} (?:excluded|ruled out|distinguished)",
        rf"(?:{_CANNOT}|can (?:hardly|barely|scarcely|rarely)) be (?:excluded|ruled out)",
        rf"{_CANNOT} (?:\w+ly )?be (?:\w+ly )?(?:confirmed|established|proven|verified|guaranteed|assured)",
        rf"(?:{_IS} |would be |be )?(?:difficult|hard|impossible|not possible) to (?:\w+ly )?"
        r"(?:exclude|rule (?:out|in)|confirm|assess|see)" + _LAST,
        rf"{_IS} (?:also |still |\w+ly )?(?:possible|suspected|questionable|questioned|suggested"
        rf"|favou?red(?! over)|equivocal|uncertain|unclear|indeterminate(?! for)"
        rf"|suspicious(?! for)|conceivable"
        rf"|presumed|less likely|(?:not (?:yet |\w+ly )?|un)confirmed|not certain)",
        r"(?:possible|suspected|questionable|questioned|equivocal|uncertain|indeterminate(?! for)|favou?red"
        r"|unconfirmed)" + _LAST,
        rf"(?:{_IS} )?(?:not (?:well|fully|optimally|adequately|completely)|poorly|suboptimally|incompletely)"
        rf" (?:{_SEEN}|evaluated|assessed|delineated)",
        r"(?:has|have) been replaced by",
        r"less likely" + _LAST,
        r"not (?:\w+ )?(?:excluded|ruled out)" + _LAST,
        r"(?:should|could|may|might|must|would|needs? to) (?:also |still )?be (?:considered"
        r"|excluded|ruled out|questioned|suspected)",
        r"can (?:also |still )?be (?:considered|questioned|suspected)",
        r"can (?:only )?be (?:excluded|ruled out)(?! ?(?:$|[.,;)]))",
        rf"(?:would be|{_IS}) (?:a |also |an )*(?:possibilit\w+|consider(?:ed|ation)|concern\b"
        rf"|question\b)",
        r"(?:is|are|remains?) (?:in|on|within) the differential",
        r"(?:may|might|could) (?:not )?(?:also )?be (?:present|demonstrated|seen|visible|underlying"
        r"|superimposed|developing|there)(?! with| in\b)",
        r"(?:may|might|could|can) (?:also )?be (?:obscured|missed|hidden)",
        r"if (?:any|present|real|true)(?= ?(?:[.,;)]|$|is\b|are\b))",
        r"(?:has|have|had|is|are|was|were) (?:not|never) (?:yet "
        r"|\w+ly )?(?:been )?(?:\w+ly )?(?:confirmed|proven|established|certain)",
        r"(?:\(?\?{1,3}\)?|r/o|r\.o\.|rule out)(?= ?(?:$|[.,;)]))",
    ),
    "open": (
        rf"{_NOT_EXCLUDED} (?:exclude|rule out)",
        r"not (?:excluded|ruled out)\b",
        r"(?:does|do|did) not (?:exclude|rule out)",
        r"not (?:true|correct|right|certain|the case)(?: that)?(?: there (?:is|are|was|were))? no\b",
    ),
    "denied_behind": (
        rf"(?:{_IS} )?(?:(?:{_CANNOT}|(?:is|are|was|were)n't|not|no longer|nowhere"
        rf"|never)(?: (?:to )?be)?{_ADVERBS} ?-?(?:{_SEEN}|recalled)"
        r"(?: to be present)?)(?! (?:on|in) (?:the )?(?:prior|previous|comparison|lateral))" + _LAST,
        r"can (?:now |(?!hardly|only|barely|scarcely|rarely)\w+ly )?be (?:\w+ly )?"
        r"(?:excluded|ruled out)(?= ?(?:$|[.,;)]))",
        rf"(?:{_IS} )?(?:now |\w+ly )?(?:absent|ruled out|excluded|removed|lacking)" + _LAST,
        r"not (?:\w+ly )?(?:believed|felt|thought|considered|expected) to be (?:present|there|seen)",
        rf"(?:{_IS} )?(?:\w+ly |considered |felt |thought |deemed |to |be ){{0,4}}(?:unlikely|doubtful"
        rf"|improbable"
        r"|implausible|not likely|not probable|not suspected|not favou?red|not suggested)" + _LAST,
        r"(?:has|have|had|is|are) (?:(?:now|since|complete(?:ly)?|fully|entirely|apparently|essentially"
        r"|also|been|interval(?:ly)?|spontaneously|all|clearly) ){0,2}(?:resolved|cleared|disappeared"
        r"|gone|vanished|subsided|evacuated|removed)",
        r"(?:complete(?:ly)? )?(?:resolved|cleared|disappeared)" + _LAST,
        r"(?:none|nil|negative|neg)\b(?! for| of)" + _LAST,
        r"(?<=-)free\b",
        r"(?:none|nil)\b",
        r"no(?= ?(?:$|[.,;|)\]]))",
        r"(?:has|have|had)(?: not|n't) (?:\w+ly )?(?:recurred|returned|re-?accumulated|reappeared|developed)",
        r"(?:is |are |was |were |has been |have been )?(?:d/c'?e?d?\b|discontinued|taken out"
        r"|pulled(?! back))",
        r"(?:is|are|appears?|remains?) within (?:the )?(?:normal )?limits",
    ),
    "history": (
        r"(?:history|hx) (?:is )?(?:of|significant for|positive for|notable for)",
        r"h/o",
        r"(?:hx|pmhx?)\b(?= (?:of )?(?:\w+ ){0,2}(?:pna|chf|copd|tb|ptx|ild|ca|\w+ia|\w+sis|\w+ma|failure"
        r"|fx|fractures?)\b)",
        r"(?:hx|history) ?:",
        r"(?:s/p|status post)(?= (?:\w+ )?(?:pneumoni|chf|pna|tb\b))",
    ),
    "denied": (
        r"(?:fail\w*|unable|inability) to (?:\w+ly )?(?:demonstrat\w+|show|reveal|identify|depict"
        r"|detect|see|visuali[sz]e|confirm|disclose|find)",
        r"(?:insufficient|inadequate|little|scant|scanty) (?:\w+ )?(?:evidence|sign|signs|finding\w*"
        r"|support)\b",
        r"(?:inconsistent|incompatible|not consistent|not compatible|not in keeping"
        r"|not suggestive) (?:with|of)",
        r"(?:little|nothing|not much|not enough) to (?:suggest|indicate|support)",
        r"non-?(?:visuali[sz]ation|demonstration|identification|detection) of",
        r"(?:argues?|arguing|evidence|speaks?|militates?) against",
        r"(?:negative|neg|unremarkable) for",
        r"neg(?:ative)?\b(?! for)",
        r"\u00f8(?:\b| )",
        r"(?:free|clear|devoid|void) (?:of|from)\b",
        r"no longer\b",
        r"zero\b|hardly any\b",
        r"(?:no|not|without|non|never|neither|nor|nothing|nil|w/o|doesn't|don't|didn't|isn't"
        r"|aren't)\b(?!-)",
        r"lack(?:s|ed|ing)?\b(?: of)?",
        r"absen(?:ce of|ce|t)\b",
        r"(?:rather than|instead of|as opposed to)",
        r"den(?:y|ies|ied)\b",
        r"(?<!less\s)(?:un|not )likely\b(?: that there (?:is|are))?",
        r"(?:(?:do|does|did|can|could)(?: not|n't)|cannot) (?:\w+ly )?(?:think|believe|feel|see)"
        r"(?: (?:that )?there (?:is|are))?",
        r"(?:doubtful|improbable|implausible)\b(?: (?:that|if|whether) there (?:is|are))?",
        r"(?:complete |interval |full )*(?:resolution|removal|exclusion|clearance|clearing"
        rf"|disappearance) of(?![^.;,]{{0,60}}{_NOT_YET})",
        r"resorption of",
        r"(?:complete(?:ly)? |interval )?resolved\b",
        r"(?:has|have) been ruled out for",
        r"(?:we|i) can (?:now |\w+ly )?(?:exclude|rule out)\b",
        r"(?:rul(?:ed|es|ing) out|exclud(?:ed|es|ing))\b",
    ),
    "both": (
        r"versus\b",
        r"vs?\b\.?(?= )",
        r"(?:is |are )?(?:favou?red|preferred) (?:over|to)\b",
    ),
    "doubted": (
        r"may or may not\b|(?:trace|tiny|small|minimal|mild) (?:to|or|versus|vs\.?) (?:no|none)\b",
        r"(?:ddx|differential(?: diagnosis| diagnoses)?) ?:",
        r"(?:possibl[ey]|may|might|could|equivocal|differential|perhaps|maybe|conceivabl[ey]"
        r"|possibilit\w+|query|less likely|indeterminate for|unclear)\b",
        r"(?:c/f|s/o|poss|susp|ddx)\b",
        r"eval\b\.?(?: for)?|atypical for",
        r"(?:chances?|likelihood|probability|risk) (?:of|for)\b",
        r"suspicio\w+|suspect\w*|questionable|question(?: of)?\b|suggest\w*|concern\w*|potential\w*",
        r"(?:rule out|exclude|evaluat\w+ for|assess for|look for|check for)\b",
        r"r/o\b|r\.o\.",
        r"(?:to|until|ensure|document|confirm|assess|monitor)(?: \w+)? (?:resolution|clearing)(?: of)?",
        r"(?:appropriate|correct|proper|right) clinical (?:setting|context)|correlat\w+(?: \w+)? for",
        r"(?:to identify|in detecting|to detect)",
        r"consider\b|considerations? include|worrisome for|worrying for|upper limits? of",
        r"can be seen (?:with|in)\b",
        r"(?:hard|difficult) to call\b|more likely than\b",
        r"either\b(?! (?:\w+ )?(?:side|lungs?|base|apex|lobe|hemi\w+|costophrenic|hilum))",
        r"(?:if any|if|whether)\b",
        r"\?",
    ),
    "end": (
        r"(?:but|however|although|though|except|other than|aside from|apart from|otherwise|whereas"
        r"|while)\b",
        r"there (?:is|are|has been|was|were)\b",
        r"(?<!compatible\s)(?<!consistent\s)(?<!associated\s)with\b(?! no\b)",
    ),
    # Ends a denial, while doubt reaches over it: "may be due to edema".
    "cause": (r"(?:which|due to|secondary to|because of)\b",),
    # Words of negation or doubt that no rule above understands.
    "unclear": (
        r"(?:fail\w*|exclu(?:d|s)\w+|doubt\w*|negat\w+|disprov\w+|dismiss\w*|implausibl\w+|improbabl\w+"
        r"|unlikel\w+|unproven|unconfirmed|hypothe\w+|hardly|scarcely|vanish\w*|disappear\w*|gone"
        r"|refut\w+|contradict\w+|unsupported|inconclusive|ambiguous|dubious|spurious|mimic\w*"
        r"|insufficient|inadequate|inconsistent|can't|cannot|\w{2,6}n't|absen\w+|ruled|n/a|unknown|unsure|not)\b",
    ),
}
_NAMED = "|".join(f"(?P<{kind}>{spell(*spelled)})" for kind, spelled in _CUES.items())
_NAMED = _NAMED.replace(r"\w+ly", r"(?!cardiomegaly)\w+ly")  # which is not an adverb
_STOP = (
    rf";|(?<!no)(?<!absent)(?<!negative):(?!\s{{0,9}}{spell(_ANSWERED)})|(?<=seen),|(?<=noted),"
    rf"|(?<=identified),|,\s{{1,9}}(?:and\s{{1,9}})?(?={spell(_ASSERTS)})"
    rf"|,\s{{1,9}}(?={_ASSERTS_ALONE}(?![^.;:]{{0,80}}(?:\bn?or\b|\w/\w)))"
    # A whole statement follows: "no effusion or edema, cardiomegaly is unchanged".
    rf"|,\s{{1,9}}(?!n?or\b|and\b)(?=(?:[\w/-]+\s{{1,9}}){{1,4}}?(?:is|are|was|were|has|have|remains?"
    rf"|appears?|persists?)\b(?!\s{{1,9}}(?:\w+ly\s{{1,9}})?(?:not\s|{_SEEN})))"
    rf"|,\s{{1,9}}(?!(?:n?or|and|if|when|not?|none|is|are|was|were)\b)(?=(?:\w+\s{{1,9}}){{1,2}}"
    rf"(?:present(?=\s{{0,9}}(?:$|[.,;]|in\b|at\b|on\b))|again\s{{1,9}}(?:seen|noted)|noted\s{{1,9}}(?:in|at)\b|persist)|\d{{1,3}}(?:\.\d)?\s?[cm]m\b)"
    rf"|\s/{{2,3}}\s|(?<=\w\w\w\w)\t{{1,9}}(?!{spell(_ANSWERED)})"
    rf"|\band\s{{1,9}}(?=definite|clear(?:ly)?\b|residual)|(?:\s[-\u2013]{{1,3}}>?\s|--|\u2014|\s\|\s"
    rf"|->)(?!\s{{0,9}}{spell(_ANSWERED)})|\s/\s(?=(?:no\b|{spell(_ASSERTS)}|{_ASSERTS_ALONE}))"
)
_CUE = re.compile(
    rf"(?:\b(?=\w)(?![b-gj-np-uw-z0-9_]\b[^./])|(?<![\w?])(?=\?)|(?<=\w)(?=\?)|(?=\(\?))(?:{_NAMED})|(?P<stop>{_STOP})"
    rf"|(?P<and_asserts>\band\s{{1,9}}(?={spell(_ASSERTS)}|(?:[\w/-]+\s{{1,9}}){{1,4}}?{spell(_SO)}"
    rf"|an?\s{{1,9}}(?:[\w/-]+\s{{1,9}}){{1,4}}?(?:is|are)\s))"
)
# "The nodule seen on the prior study is no longer evident": what was said of it then.
_THEN = re.compile(
    spell(
        r",?(?: (?:which|that) (?:was|were|had been))?(?: previously| formerly)? (?:seen|noted|identified"
        r"|described|present|visible|reported|demonstrated)(?: (?:on|in|at|the|an?|\d+|few"
        r"|\w+ days?|weeks?)){0,4}"
        r" (?:previously|before|yesterday|earlier|ago|(?:prior|previous|last|comparison|earlier|outside)"
        r"(?: (?:\w+ )?(?:exam\w*|stud\w+|films?|radiographs?|ct|images?|x-?rays?|cxr|week"
        r"|month|night|year))?),?"
    )
    + r"(?=\s)"
)
# "No pneumothorax, although a tiny one cannot be excluded."
_ONE = re.compile(
    rf"\b(?:one|it|this|these)\b[^.;,]{{0,30}}?{spell(_NOT_EXCLUDED)}\s(?:excluded|ruled\sout)"
    rf"|{spell(_CANNOT)}\s(?:\w+ly\s)?(?:exclude|rule\sout)\s(?:an?\s(?:\w+\s){{0,3}}one|it)\b"
)
_EXCLUDE = re.compile(r"exclude|ruled? out")
_OPENS = re.compile(r"(?:^|[.;|])\W{0,9}$")
_COLON = re.compile(r"\s?:")
_ABSENCE = ("absence", "lack", "exclusion", "resolution")  # of a finding can itself be doubted
_REACH = 40  # cues on either side of a finding
# A cue behind does not reach over another statement.
_VERB = re.compile(r"\b(?:is|are|was|were|has|have|shows?|noted|seen|persists?|remains?)\b")


@dataclass(frozen=True, slots=True)
class Cue:
    """A cue in a sentence."""

    kind: str
    start: int
    end: int


_start_of = attrgetter("start")


def cues(sentence: str) -> list[Cue]:
    """Return the cues of a lower-cased sentence, in order."""
    return [Cue(str(match.lastgroup), match.start(), match.end()) for match in _CUE.finditer(sentence)]


def status(
    sentence: str,
    found: Sequence[Cue],
    start: int,
    end: int,
    others: Sequence[int] = (),
) -> Status | None:
    """Return the status of `sentence[start:end]`, or None for the patient's history.

    In a clause denial holds over doubt ("no evidence to suggest"), but what cannot be excluded is open.

    Parameters
    ----------
    sentence : str
        A lower-cased sentence.
    found : sequence of Cue
        Its cues.
    start, end : int
        Where the finding stands.
    others : sequence of int
        Where the findings of the sentence start, in order, to tell a cue that has no finding behind it.
    """
    verdict: Status | None = "present"
    # Cues further away are in another clause; the window keeps long texts linear.
    middle = bisect_left(found, start, key=_start_of)
    found = found[max(0, middle - _REACH) : middle + _REACH]
    if then := _THEN.match(sentence, end):
        found = [cue for cue in found if cue.start < end or cue.start >= then.end()]
        end = then.end()
    if _is_unsure(sentence, found, start):
        return "uncertain"
    absence = False
    heading = -1  # where the colon of "Not seen: effusion, edema" would stand
    for place, cue in enumerate(found):
        if cue.start < start and cue.kind == "denied_behind":
            opens = _OPENS.search(sentence, max(0, cue.start - 10), cue.start)
            if opens and (colon := _COLON.match(sentence, cue.end)):
                verdict, heading = "absent", colon.end() - 1
        elif cue.start == heading:
            continue
        elif cue.start < start or (cue.start < end and cue.kind in ("denied", "doubted", "neutral")):
            if cue.kind in ("end", "stop") or (cue.kind in ("cause", "and_asserts") and verdict == "absent"):
                verdict = "present"
            elif cue.kind == "denied" or (cue.kind == "neutral" and cue.end > start):
                verdict = "absent"  # "the heart is not larger", "a nodule that is not calcified"
                absence = sentence.startswith(_ABSENCE, cue.start)
            elif cue.kind == "open" or (cue.kind in ("doubted", "both", "unclear") and verdict == "present"):
                verdict = "uncertain"
            elif cue.kind == "history":
                verdict = None
        elif cue.start >= end:
            if "(" in sentence[cue.start - 1 : cue.start + 1] and "," in sentence[end : cue.start]:
                continue  # "cardiomegaly (mild), effusion (none)": it is about the word before it
            verb = _VERB.search(sentence, end, cue.start)
            if cue.kind in ("end", "stop", "cause", "and_asserts") or (
                verb and sentence[verb.end() : cue.start].strip()
            ):
                break
            if cue.kind in ("doubted_behind", "unclear") or (cue.kind == "both" and verdict == "present"):
                # "No pneumonia is suspected" denies; "no edema, which cannot be excluded" does not, nor
                # does "absence of edema is not certain".
                again = absence or _EXCLUDE.search(sentence, cue.start, cue.end)
                return "uncertain" if verdict != "absent" or again else verdict
            if cue.kind == "denied_behind":  # "neither effusion nor edema can be excluded" is open
                return (
                    "uncertain"
                    if verdict == "absent" and sentence.startswith("can ", cue.start)
                    else "absent"
                )
            if cue.kind == "denied" and verdict == "present" and sentence.startswith("not", cue.start):
                # "Pneumothorax not a concern": a denial that is about nothing else is not understood.
                later = found[place + 1 :]
                closing = next((c.start for c in later if c.kind in ("end", "stop")), len(sentence))
                following = bisect_left(others, cue.end)
                if following == len(others) or others[following] >= closing:
                    return "uncertain"
            if cue.kind != "neutral" and not sentence.startswith("nor ", cue.start):
                break
    if verdict == "absent" and "one" in sentence[end:] and _ONE.search(sentence, end):
        return "uncertain"
    return verdict


def _is_unsure(sentence: str, found: Sequence[Cue], start: int) -> bool:
    """Whether the clause of a finding at `start` begins with words such as "not certain that"."""
    unsure = False
    for cue in found:
        if cue.start >= start:
            break
        if cue.kind == "unsure":
            unsure = True
        elif cue.kind == "stop" or (cue.kind == "end" and not sentence.startswith("there", cue.start)):
            unsure = False
    return unsure
