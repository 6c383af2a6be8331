"""The words around a finding that deny it, doubt it or end a statement: a vocabulary in one pattern.

After NegEx (Chapman et al., J Biomed Inform 2001) and the CheXpert labeller (Irvin et al., AAAI 2019), with
words that qualify a cue ("not resolved", "no change in"). `scope` says what the cues of a sentence mean.
"""

from __future__ import annotations

import re
from typing import Literal

from radscribe.text.lexicon import spell

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
CANNOT = r"(?:cannot|can't|can not|could not|couldn't|may not)"
NOT_EXCLUDED = rf"(?:{CANNOT}|not|difficult to|hard to|impossible to|unable to)(?: be)?(?: \w+ly)?(?: be)?"
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
    r"|progressive|progressing|increasing|decreasing|improving|worsening|enlarging|growing|expanding"
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
# "Felt to be less likely", "was thought unlikely".
_DEEMED = r"(?:(?:also|still|now|\w+ly) )?(?:(?:felt|thought|considered|deemed|believed|judged)(?: to be)? )?"
# What looks like a finding and is none: "turned out to be a skin fold".
_LOOKALIKE = (
    r"(?:(?:an?|the|of|by|from|overlying|superimposed|prominent|normal|known|external|overlapping) ){0,3}"
    r"(?:(?!likely|probabl|possibl|presum|suspic|or )\w+ ){0,2}?"
    r"(?:arti?e?facts?\b|artefactual|artifactual|nipples?\b|skin ?-?folds?\b|summation\b"
    r"|superimposition|(?:overlapping|overlying|superimposed) (?:structures?|vessels?|shadows?|ribs?"
    r"|tissues?|densit\w+)"
    r"|(?:breast|nipple|composite|soft tissue|muscle|scapular?|companion) shadows?"
    r"|vessels? (?:seen |viewed )?(?:on[- ]|end[- ]?on)|buttons?\b|clothing|bedding|jewel\w+"
    r"|misinterpret\w+|misread\w*|mistakes?\b|errors?\b|overcall\w*|pseudo-?\w+|false)"
)
_TURNS_OUT = (
    r"(?:is|are|was|were|represents?|represented|represent|reflects?|corresponds? to|(?:has "
    r"|have )?(?:proved|proven|turned out|shown|found"
    r"|confirmed)(?: to (?:be|represent))?)"
)
_ANSWERED = (
    r"(?:none|nil|no|not|neg|negative|absent|excluded|ruled out|unlikely|doubtful|possible|cannot"
    r"|can't)\b"
)

_EARLIER = (
    r"(?:before\b|previously|earlier|formerly|yesterday|(?:on|in|at) (?:the )?(?:\w+ )?(?:prior|previous"
    r"|comparison|lateral"
    r"|earlier|last|outside)|(?:\w+ ){1,2}(?:ago|earlier|before|prior)\b)"
)
_OF_THE_FILM = (
    r"(?:patient|films?|exam\w*|study|images?|views?|radiographs?|technique|projection|position\w*"
    r"|inspiration|chin|arms?"
    r"|scapul\w+|apices|apex|markers?|quality|exposure|penetration|cooperat\w+|he|she)"
)

# Cue → spellings. The first kind that fits at a place wins, so the longer sayings come first.
_CUES: dict[Kind, tuple[str, ...]] = {
    # Whatever the clause says, its writer is not sure of it: "cannot be certain that pneumonia is absent".
    "unsure": (
        r"(?:rumou?r has it|(?:it )?is (?:said|claimed|alleged|reported)|reportedly|allegedly"
        r"|supposedly)(?: that)?\b",
        rf"(?:{_IS} )?(?:{CANNOT}|not|never|hard(?:ly)?|difficult|impossible|unable)(?: to)?(?: be)?"
        r"(?: \w+ly)? (?:certain|sure|convinced|confident|say|tell|know|guarantee|clear|confirm)(?: \w+ly)?"
        r" (?:that|if|whether)\b",
        rf"(?:{_IS} )?(?:uncertain|unclear|unsure|unknown|questionable|open|(?:a )?question of)"
        r" (?:that|if|whether)\b",
    ),
    # A denial of a change, or of a part, asserts the finding.
    "neutral": (
        r"(?:were it|was it|if it were|had it) not (?:been )?for\b",
        rf"(?:no|nor|neither|without|lack of|absence of)(?: (?:complete|\w+ly|significant"
        rf"|interval|appreciable|definite|substantial|obvious|noticeable|discernible|visible|measurable"
        rf"|relevant|meaningful|clear|detectable|important|dramatic"
        rf"|other|new|great|major|overall|real|gross|apparent|notable|further|marked|radiographic"
        rf"|evidence of|signs? of|evidence for)){{0,4}} {_CHANGE}\b",
        rf"(?:has|have|had|is|are|was|were)(?: not|n't) been (?:any )?(?:\w+ ){{0,2}}{_CHANGE}\b",
        rf"(?:not|never)(?: (?:\w+ly|yet|any|been)){{0,3}} {_CHANGED}\b",
        rf"not (?:much|any|a)(?: \w+){{0,2}} {_CHANGE}\b",
        rf"(?:has|have|had|did|do|does|is|are)(?: not|n't)(?: (?:\w+ly|yet|been|appear to"
        rf"|seem to|have|to)){{0,4}}"
        rf" (?:{_CHANGED}|{_CHANGES})\b",
        rf"(?:fail\w*|yet|unlikely) to {_CHANGES}\b",
        rf"failure of(?=[^.;,]{{0,60}} to {_CHANGES}\b)",
        r"(?:no|without) [\u2191\u2193]",
        r"not (?:as|so) \w+\b",
        r"not an? new\b",
        r"not (?:in|un)(?:significant|substantial|considerable|consequential|common)\w*",
        r"not (?:yet )?(?:complete|completed|full|total|finished|over)\b",
        r"not (?:entirely |completely |fully )?(?:without|free (?:of|from)|clear of|devoid of|absent)\b",
        r"\d{1,2} ?(?:%|percent) (?:resolved|cleared)",
        rf"{_PARTLY}(?:-| )(?:complete(?:ly)? )?(?:resolved|cleared|resolution|clearing"
        rf"|regression)(?: of)?\b",
        r"(?:most|strongly|highly) suggestive",
        r"not (?:only|necessarily|surprising\w*|unexpected\w*|unlike(?:ly)?)\b",
        r"no longer (?:as|so)\b",
        r"(?:no|without|beyond) (?:any )?(?:doubt|question)\b(?! of)",
        rf"(?:{_IS} )?not(?: (?:\w+ly|being))? {_SEEN}(?: \w+ly)? {_EARLIER}",
        rf"(?:{_IS} )?(?:not|never) (?:previously|formerly|hitherto|before) {_SEEN}",
        rf"(?:previously|formerly|hitherto) (?:not {_SEEN}|un\w+ed|absent|undetected)",
        # Of the film or the patient, not of a finding: "patient not in full inspiration, ...".
        rf"{_OF_THE_FILM}(?: \w+)?(?: not|n't)\b(?: [\w-]+){{0,6}}?(?= ?,)",
    ),
    "doubted_behind": (
        # "May be due to the AP projection."
        r"(?:may|might|could|likely|probabl[ey]|possibly) (?:be )?(?:\w+ly |at least in part "
        r"|in part )?(?:due|related|secondary"
        r"|attribut\w+|accentuat\w+|exaggerat\w+|artifactual) (?:to|by|from) (?:\w+ ){0,3}?(?:projection"
        r"|technique|rotation|position\w*"
        r"|lung volumes|inspiration|magnification|portable)",
        rf"(?:may|might|could|likely|probably|possibly|presumably) (?:be |represents? |reflects? "
        rf"|correspond to |due to )?{_LOOKALIKE}",
        rf"{NOT_EXCLUDED} (?:excluded|ruled out|distinguished)",
        rf"(?:{CANNOT}|can (?:hardly|barely|scarcely|rarely)) be (?:excluded|ruled out)",
        rf"{CANNOT} (?:\w+ly )?be (?:\w+ly )?(?:confirmed|established|proven|verified|guaranteed|assured)",
        rf"(?:{_IS} |would be |be )?(?:difficult|hard|impossible|not possible) to (?:\w+ly )?"
        r"(?:exclude|rule (?:out|in)|confirm|assess|see)" + _LAST,
        rf"{_IS} {_DEEMED}(?:possible|suspected|questionable|questioned|suggested"
        rf"|favou?red(?! over)|equivocal|uncertain|unclear|indeterminate(?! for)"
        rf"|suspicious(?! for)|conceivable"
        rf"|presumed|less likely|(?:not (?:yet |\w+ly )?|un)confirmed|not certain)",
        r"(?:possible|suspected|questionable|questioned|equivocal|uncertain|indeterminate(?! for)|favou?red"
        r"|unconfirmed)" + _LAST,
        rf"(?:{_IS} )?(?:not (?:well|fully|optimally|adequately|completely)|poorly|suboptimally|incompletely)"
        rf" (?:{_SEEN}|evaluated|assessed|delineated)",
        r"(?:has|have) been replaced by",
        r"(?:(?:felt|thought|considered|deemed|believed|judged)(?: to be)? )?less likely" + _LAST,
        r"not (?:\w+ )?(?:excluded|ruled out)" + _LAST,
        r"(?:should|could|may|might|must|would|needs? to) (?:also |still )?be (?:considered"
        r"|excluded|ruled out|questioned|suspected)",
        r"can (?:also |still )?be (?:considered|questioned|suspected)",
        r"can (?:only )?be (?:excluded|ruled out)(?! ?(?:$|[.,;)]))",
        rf"(?:would be|{_IS}) (?:a |also |an )*(?:possibilit\w+|consider(?:ed|ation)|concern\b"
        rf"|question\b)",
        r"(?:(?:is|are|remains?) )?(?:in|on|within) the differential",
        r"(?:may|might|could) (?:also |well )?(?:co-?exist|exist|contribute|occur|lurk|develop|arise)\b",
        r"(?:(?:needs?|remains?|is|are|yet) )?to be (?:\w+ly )?(?:excluded|ruled out|confirmed|considered"
        r"|verified|determined|clarified)",
        r"(?:(?:real )?or|query|possible|possibly|probable|probably|likely|presumably) (?:rather |just "
        r"|only |an? )?(?:arti?e?facts?|nipples?|skin ?-?folds?|summation"
        r"|overlap|superimposition)\b",
        r"(?:yes )?or (?:no|not)\b",
        r"less likely(?= than)",
        r"(?:neither|not) (?:\w+ly )?(?:confirmed|proven|established|excluded"
        r"|ruled out) n?or (?:\w+ly )?(?:excluded|ruled out"
        r"|confirmed|proven|established)",
        r"(?:simulated|mimicked|imitated|feigned) by\b",
        r"(?:may|might|could) (?:not )?(?:also )?be (?:present|demonstrated|seen|visible|underlying"
        r"|superimposed|developing|there)(?! with| in\b)",
        r"(?:may|might|could|can) (?:also )?be (?:obscured|missed|hidden)",
        r"if (?:any|present|real|true)(?: at all)?(?= ?(?:[.,;)]|$|is\b|are\b))",
        r"(?:has|have|had|is|are|was|were) (?:not|never) (?:yet "
        r"|\w+ly )?(?:been )?(?:\w+ly )?(?:confirmed|proven|established|certain)",
        r"(?:protocol|series|precautions?|vaccin\w+|work-?up|screening|prophylaxis|surveillance|symptoms?"
        r"|clinic|rule-?out)\b",
        r"(?:\(?\?{1,3}\)?|r/o|r\.o\.|rule out)(?= ?(?:$|[.,;)]))",
    ),
    "open": (
        rf"{NOT_EXCLUDED} (?:exclude|rule out)",
        r"not (?:excluded|ruled out)\b",
        r"(?:does|do|did) not (?:exclude|rule out)",
        r"not (?:true|correct|right|certain|the case)(?: that)?(?: there (?:is|are|was|were))? no\b",
    ),
    "denied_behind": (
        rf"{_TURNS_OUT}(?: (?:in fact|in reality|only|just|now"
        rf"|(?!likely|pro|poss|presum)\w+ly)){{0,2}} {_LOOKALIKE}",
        r"(?:is |are |was |were )?denied" + _LAST,
        rf"(?:{_IS} )?(?:(?:{CANNOT}|(?:is|are|was|were)n't|not|no longer|nowhere"
        rf"|never)(?: (?:to )?be)?{_ADVERBS} ?-?(?:{_SEEN}|recalled)"
        rf"(?: to be present)?)(?! (?:\w+ly )?{_EARLIER})" + _LAST,
        r"can (?:now |(?!hardly|only|barely|scarcely|rarely)\w+ly )?be (?:\w+ly )?"
        r"(?:excluded|ruled out)(?= ?(?:$|[.,;)]))",
        rf"(?:{_IS} )?(?:now |all |both |each |\w+ly )?(?:absent|ruled out|excluded|removed|lacking"
        rf"|wanting|missing)" + _LAST,
        r"not (?:\w+ly )?(?:believed|felt|thought|considered|expected) to be (?:present|there|seen)",
        rf"(?:{_IS} )?(?:\w+ly |considered |felt |thought |deemed |to |be ){{0,4}}(?:unlikely|doubtful"
        rf"|improbable"
        r"|implausible|not likely|not probable|not suspected|not favou?red|not suggested)" + _LAST,
        r"(?:has|have|had|is|are) (?:(?:now|since|complete(?:ly)?|fully|entirely|apparently|essentially"
        r"|also|been|interval(?:ly)?|spontaneously|all|clearly) ){0,2}(?:resolved|cleared|disappeared"
        r"|gone|vanished|subsided|abated|receded|dissipated|evacuated|removed)",
        r"(?:complete(?:ly)? )?(?:resolved|cleared|disappeared)" + _LAST,
        r"(?:none|nil|negative|neg)\b(?! for| of)" + _LAST,
        r"(?<=-)free\b",
        r"none\b(?! of)",
        r"(?:pertinent |relevant |important )?negatives?(?: findings)?(?= ?:)",
        r"no(?= ?(?:$|[.,;|)\]]))",
        r"(?:has|have|had|did|does|do)(?: not|n't) (?:\w+ly )?(?:recur(?:red)?|return(?:ed)?"
        r"|re-?accumulated?|reappear(?:ed)?|develop(?:ed)?|form(?:ed)?)\b",
        r"(?:is |are |was |were |has been |have been )?(?:d/c'?e?d?\b|discontinued|taken out"
        r"|pulled(?! back))",
        r"(?:is|are|appears?|remains?) within (?:the )?(?:normal )?limits",
    ),
    "history": (
        r"(?:history|hx) (?:is )?(?:of|significant for|positive for|notable for)",
        r"h/o",
        r"used to have\b",
        r"(?:hx|pmhx?)\b(?= (?:of )?(?:\w+ ){0,2}(?:pna|chf|copd|tb|ptx|ild|ca|\w+ia|\w+sis|\w+ma|failure"
        r"|fx|fractures?)\b)",
        r"(?:hx|history) ?:",
        r"(?:prior|previous|past|recent)(?= (?:\w+ )?(?:pneumonias?|pna|chf|tb|ptx|pneumothora(?:x"
        r"|ces)) ?(?:$|[.,;)]))",
        r"(?:mother|father|brother|sister|family|relatives|husband|wife|uncle|aunt|grand(?:mother"
        r"|father))(?:'s)?\b",
        r"(?:treated|hospitali[sz]ed|surgery|operated|\w+ectomy|\w+otomy|resection|antibiotics|therapy"
        r"|treatment"
        r"|chemotherapy|radiation|radiotherapy|\w+desis|drained|drainage) (?:done |performed )?for",
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
        r"none of(?: (?:the|these|those|its|his|her|\d+|\w+)){1,3} (?:shows?|has|have|demonstrates?"
        r"|reveals?|contains?|displays?|suggests?)\b",
        r"(?:negative|neg|unremarkable) for",
        r"neg(?:ative)?\b(?! for)",
        r"\u00f8(?:\b| )",
        r"(?:free|clear|devoid|void) (?:of|from)\b",
        r"no longer\b",
        r"zero\b|hardly any\b|far from(?: being)?",
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
        rf"{_TURNS_OUT}(?: (?:in fact|\w+ly)){{0,2}} (?:likely|probabl[ey]|possibly|presumably|perhaps"
        rf"|favou?red to (?:be|represent)|thought to (?:be|represent)|felt to (?:be|represent)"
        rf"|suspicious for)(?: due to)? {_LOOKALIKE}",
        r"versus\b",
        r"vs?\b\.?(?= )",
        r"(?:is |are )?(?:favou?red|preferred) (?:over|to)\b",
    ),
    "doubted": (
        r"(?:can|could|may|might) be seen (?:with|in)\b",
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
        r"(?:hard|difficult) to call\b|more likely than\b",
        r"either\b(?! (?:\w+ )?(?:side|lungs?|base|apex|lobe|hemi\w+|costophrenic|hilum))",
        r"(?:if any|if|whether)\b",
        r"any\b(?! ?more| longer| change| event| case)",
        r"favou?r(?:s|ed|ing)?\b(?! (?:over|to))(?=[^.;]{0,60} over\b)",
        r"(?:sensitivity|accuracy) (?:for|of|to)",
        r"\?",
    ),
    "end": (
        r"(?:but|however|although|though|besides?|save for|with the exception of|excepting|except"
        r"|other than|aside from|apart from|otherwise|whereas"
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
        r"|so-called|supposed\w*|alleg\w+|claim\w*|purport\w*|pseudo\w*|mis(?:interpret|read|t[oa]k)\w*"
        r"|thought|believe\w*"
        r"|assum\w+|guess\w*|imagin(?:e|ed|ary)|speculat\w+|surpris\w+|worr(?:y|ie)\w*|fear\w*|wonder\w*"
        r"|would(?! (?:benefit|recommend|suggest|advi[sc]e|be (?:helpful|useful|of)))|ought"
        r"|insufficient|inadequate|inconsistent|can't|cannot|\w{2,6}n't|absen\w+|ruled|n/a|unknown|unsure"
        r"|not)\b",
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
    rf"|appears?|persists?)\b(?!\s{{1,9}}(?:\w+ly\s{{1,9}})?(?:not\s|all\s|both\s|absent|excluded"
    rf"|ruled\sout|{_SEEN})))"
    rf"|,\s{{1,9}}(?!(?:n?or|and|if|when|not?|none|is|are|was|were)\b)(?=(?:\w+\s{{1,9}}){{1,2}}"
    rf"(?:present(?=\s{{0,9}}(?:$|[.,;]|in\b|at\b|on\b))|again\s{{1,9}}(?:seen|noted)|noted\s{{1,9}}(?:in"
    rf"|at)\b|persist)|\d{{1,3}}(?:\.\d)?\s?[cm]m\b)"
    rf"|\s/{{2,3}}\s|(?<=\w\w\w\w)\t{{1,9}}(?!{spell(_ANSWERED)})"
    rf"|\band\s{{1,9}}(?=definite|clear(?:ly)?\b|residual)|(?:\s[-\u2013]{{1,3}}>?\s|--|\u2014|\s\|\s"
    rf"|[-=]>|\s~\s)(?!\s{{0,9}}{spell(_ANSWERED)})|\s/\s(?=(?:no\b|{spell(_ASSERTS)}|{_ASSERTS_ALONE}))"
)
CUE = re.compile(
    rf"(?:\b(?=\w)(?![b-gj-np-uw-z0-9_]\b[^./])|(?<![\w?])(?=\?)|(?<=\w)(?=\?)|(?=\(\?))(?:{_NAMED})"
    rf"|(?P<stop>{_STOP})"
    rf"|(?P<and_asserts>\band\s{{1,9}}(?={spell(_ASSERTS)}|(?:[\w/-]+\s{{1,9}}){{1,4}}?{spell(_SO)}"
    rf"|an?\s{{1,9}}(?:[\w/-]+\s{{1,9}}){{1,4}}?(?:is|are)\s))"
)
