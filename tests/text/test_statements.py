"""Denial, doubt, templates, lists and short forms: what a statement says of its findings."""

from __future__ import annotations

import pytest

from radscribe.text.findings import label

NAMES = {
    "A": "Atelectasis",
    "C": "Cardiomegaly",
    "D": "Edema",
    "E": "Effusion",
    "I": "Infiltration",
    "K": "Consolidation",
    "M": "Mass",
    "N": "Nodule",
    "P": "Pneumonia",
    "S": "Support_Devices",
    "X": "Pneumothorax",
    "F": "Fracture",
    "H": "Hernia",
}
SPELLED = str.maketrans({"~": "\n", "¬": "\r\n", "→": "\t", "¦": "|"})
STATUSES = {"+": "present", "-": "absent", "?": "uncertain"}

# A statement, where ~ is a line break, ¬ one of Windows, → a tab and ¦ a pipe, and its findings:
# + present, - absent, ? uncertain.
STATEMENTS = r"""
Pneumonia is unlikely.|P-
Unlikely to represent pneumonia.|P-
Lack of pleural effusion.|E-
Fails to demonstrate pneumothorax.|X-
Failed to reveal consolidation.|K-
Pneumothorax no longer visible.|X-
No longer visualized pneumothorax.|X-
Pleural effusion absent.|E-
Effusions absent bilaterally.|E-
Inconsistent with pneumonia.|P-
Insufficient evidence for pneumonia.|P-
Doubtful pneumothorax.|X-
Absence of pneumothorax.|X-
Pneumothorax is no longer visualized.|X-
Pneumothorax: none.|X-
Pneumothorax: No|X-
Pleural effusion: absent|E-
Pneumothorax: negative|X-
Pneumothorax: not seen|X-
Effusion (-). Consolidation (+).|E- K+
Pneumothorax: No. Effusion: No. Consolidation: Yes|X- E- K+
Heart: Enlarged.|C+
Is negative for pneumothorax/effusion.|X- E-
Pneumothorax is excluded.|X-
Effusion has been excluded.|E-
Pneumonia was ruled out.|P-
There are no findings of pneumonia.|P-
Findings do not support pneumonia.|P-
The appearance does not suggest pneumonia.|P-
The radiograph does not show a pneumothorax.|X-
X-ray did not reveal consolidation.|K-
Pneumonia is not suspected.|P-
There is no longer a pneumothorax.|X-
Pneumothorax is gone.|X-
No pneumothorax can be seen.|X-
We could not identify a pneumothorax.|X-
Unable to identify pneumothorax.|X-
I do not see a pneumothorax.|X-
Pneumothorax improbable.|X-
Improbable pneumonia.|P-
Evidence against pneumonia.|P-
Not likely to be pneumonia.|P-
Pneumonia is not likely.|P-
Highly doubtful for pneumonia.|P-
Free of pneumothorax.|X-
Devoid of effusion.|E-
Never any effusion.|E-
Consolidation lacking.|K-
Effusion lacking.|E-
Zero evidence of pneumothorax.|X-
Pneumothorax - absent|X-
Pneumothorax – none|X-
Pneumothorax... none|X-
Pneumothorax (none)|X-
Pneumothorax (absent)|X-
No: pneumothorax, effusion|X- E-
Pneumothorax/effusion: none|X- E-
Pneumothorax or effusion: No|X- E-
Pneumothorax: No evidence of pneumothorax.|X-
Pleural effusion: No pleural effusion.|E-
PLEURA: No pleural effusion. No pneumothorax.|E- X-
HEART: Enlarged.|C+
HEART - enlarged|C+
Heart enlarged: yes|C+
Heart enlarged: no|C-
Cardiac size: mildly increased|C+
Cardiomegaly (+)|C+
Cardiomegaly -|C-
Cardiomegaly: ✓|C+
Consolidation: Yes, RLL|K+
Consolidation - yes|K+
Effusion: Yes / Pneumothorax: No|E+ X-
Effusion: N/A|E?
Pneumothorax: see comment|X?
Pneumothorax: Unclear|X?
Pneumothorax: ?|X?
Pneumothorax: +|X+
Pneumothorax: -|X-
Effusion: -ve|E-
Effusion: +ve|E+
Pneumothorax -ve|X-
Negative pneumothorax.|X-
Pneumothorax negative|X-
Pneumothorax 0|X-
(x) pneumothorax ( ) effusion|X+ E-
Pneumothorax [ ]  Effusion [x]|X- E+
[X] Cardiomegaly~[ ] Effusion~[ ] Pneumothorax|C+ E- X-
☑ Cardiomegaly ☐ Effusion|C+ E-
Cardiomegaly: TRUE, Effusion: FALSE|C+ E-
Edema: none Effusion: small|D- E+
no pneumothorax~small effusion~cardiomegaly|X- E+ C+
no pneumothorax;small effusion|X- E+
1.No pneumothorax.2.Small effusion|X- E+
1.No pneumothorax 2.Cardiomegaly 3.No edema|X- C+ D-
1- no effusion 2- cardiomegaly|E- C+
a) no effusion b) cardiomegaly|E- C+
-No effusion~-Cardiomegaly|E- C+
->No effusion~->Cardiomegaly|E- C+
No effusion--mild cardiomegaly|E- C+
No effusion—mild cardiomegaly|E- C+
No effusion | mild cardiomegaly|E- C+
No effusion ; cardiomegaly|E- C+
No pneumothorax,~no effusion,~mild cardiomegaly|X- E- C+
Effusion is incompletely resolved.|E+
Effusion not completely resolved.|E+
Pneumothorax has almost completely resolved.|X+
Pneumonia has not cleared.|P+
Consolidation is not yet resolved.|K+
Effusion slightly improved.|E+
There is no significant change in the size of the pneumothorax.|X+
There has been no change in the pulmonary edema.|D+
No interval change in position of the pacemaker.|S+
No substantial interval change in small left effusion.|E+
Not much change in effusion.|E+
Little change in the effusion.|E+
Unchanged effusion.|E+
There is no interval improvement in the consolidation.|K+
There hasn't been any change in the effusion.|E+
Minimal change in effusion.|E+
Pneumothorax persists.|X+
Residual pneumothorax.|X+
Improved but persistent effusion.|E+
Effusion, unchanged.|E+
Improving edema.|D+
No pneumonia or PTX|P- X-
ETT in place.|S+
NGT tip in stomach.|S+
PICC terminates in the SVC.|S+
NGT removed.|S-
PICC removed.|S-
No PICC.|S-
LUL pna|P+
RML infiltrate|I+
c/w CHF|D+
c/w pneumonia|P+
c/f pneumonia|P?
concern for PNA|P?
poss PNA|P?
prob PNA|P+
?PNA|P?
PNA?|P?
no e/o PTX|X-
neg for infiltrate|I-
w/o effusion or PTX|E- X-
w/ small effusion|E+
s/p lobectomy w/o PTX|X-
H/O CHF, no edema|D-
R/O CHF|D?
r/o pneumonia vs atelectasis|P? A?
Pneumonia vs. atelectasis.|P? A?
Pneumonia cannot be ruled out.|P?
Pneumonia can not be excluded.|P?
Cannot completely exclude pneumonia.|P?
Pneumonia not ruled out.|P?
Unable to exclude pneumothorax.|X?
Pneumothorax not definitely excluded.|X?
Questionable pneumonia.|P?
Pneumonia, questionable.|P?
Nodule, possibly granuloma.|N+
May represent pneumonia.|P?
Pneumonia may be present.|P?
It may be pneumonia.|P?
Could be an effusion.|E?
Suspicion of pneumonia.|P?
High suspicion for pneumonia.|P?
Concerning for early pneumonia.|P?
Cannot differentiate between atelectasis and pneumonia.|A? P?
Whether this is pneumonia is unclear.|P?
If pneumonia is suspected, CT is advised.|P?
Clinical correlation for pneumonia.|P?
Consider pneumonia.|P?
Pneumonia is conceivable.|P?
Likely atelectasis, less likely pneumonia.|A+ P?
Likely atelectasis; pneumonia unlikely.|A+ P-
Pneumothorax seems implausible.|X-
Pneumothorax is not believed to be present.|X-
Pneumothorax hardly conceivable.|X?
Pneumonia appears refuted.|P?
Effusion was dismissed.|E?
Pneumonia, if any, is small.|P?
Pneumonia has not been confirmed.|P?
Pneumothorax artifact suspected.|X?
Skin fold mimicking pneumothorax.|X?
Heart size is normal, no effusion.|C- E-
No radiographic findings to suggest pneumonia.|P-
Without radiographic evidence of acute pneumonia.|P-
The lungs are free of focal consolidation or edema.|K- D-
The patient does not have a pneumothorax.|X-
Pneumothorax not demonstrated.|X-
Pneumothorax is not definitely seen.|X-
No discernible pneumothorax.|X-
Pleural effusions have resolved.|E-
Previously noted effusion is not seen on the current study.|E-
Effusion has since resolved.|E-
Interval clearing of pneumonia.|P-
Complete resolution of the consolidation.|K-
Pneumonia has resolved.|P-
Incomplete resolution of pneumonia.|P+
Not entirely resolved consolidation.|K+
Pneumothorax, mostly resolved.|X+
Edema has partially resolved.|D+
Effusion is smaller but not resolved.|E+
Stable appearance of pneumothorax.|X+
Pneumothorax without change.|X+
Effusion without significant change.|E+
No appreciable change in the nodule.|N+
There has not been significant interval change in the effusion.|E+
Otherwise no change in the cardiomegaly.|C+
Atelectasis vs infiltrate.|A? I?
Infiltrate versus edema.|I? D?
Infiltrate/atelectasis at the left base.|I+ A+
Consolidation and/or atelectasis.|K+ A+
Early infiltrate not excluded.|I?
An early infiltrate cannot entirely be excluded.|I?
It would be difficult to exclude pneumonia.|P?
Pneumonia must be considered.|P?
Pneumonia would be a consideration.|P?
Findings could be due to edema or pneumonia.|D? P?
Findings likely due to edema.|D+
Findings most consistent with edema.|D+
Findings represent pneumonia.|P+
Compatible with atelectasis.|A+
Suggestive of edema.|D?
Appearance is suspicious for pneumonia.|P?
Mass is suspected.|M?
Question right pneumothorax.|X?
Questionable nodule.|N?
Nodule?|N?
Pneumothorax?? |X?
Query effusion.|E?
Possible minimal effusion.|E?
Trace effusion.|E+
Tiny pneumothorax.|X+
No large pneumothorax.|X-
No sizable effusion.|E-
Minimal if any effusion.|E?
Little if any effusion.|E?
Doubt pneumonia.|P?
I doubt pneumonia.|P?
Pneumonia is doubted.|P?
Excluding pneumonia.|P-
Pneumonia excluded clinically.|P-
No focal infiltrate; effusions are present.|I- E+
No focal infiltrate. Effusions are present.|I- E+
No edema. Heart enlarged.|D- C+
Heart enlarged, no edema.|C+ D-
Enlarged heart without failure.|C+
Heart size: normal. Lungs: No infiltrate. Pleura: small effusion.|C- I- E+
LUNGS: Right lower lobe infiltrate. PLEURA: No effusion. HEART: Mildly enlarged.|I+ E- C+
Lungs/pleura: no effusion, no infiltrate|E- I-
Pneumothorax: None~Effusion: Small~Cardiomegaly: Mild|X- E+ C+
Pneumothorax: None Effusion: Small Cardiomegaly: Mild|X- E+ C+
Pneumothorax - No~Effusion - Yes|X- E+
Pneumothorax: not identified; Effusion: trace|X- E+
Pneumothorax: [x] No [ ] Yes|X-
Pneumothorax: [ ] No [x] Yes|X+
Pneumothorax: No [x] Yes [ ]|X-
Pneumothorax (Y/N): N|X-
Pneumothorax: possible small|X?
Pneumothorax: suspected|X?
Pneumothorax: unlikely|X-
Pneumothorax: nope|X?
Pneumothorax: resolved|X-
Pneumothorax: n|X-
Cardiomegaly: borderline|C+
Heart size: borderline|C+
Heart: mildly enlarged.|C+
Heart: not enlarged.|C-
Heart: Normal size|C-
Heart: top normal|C-
Lungs: clear|K-
Consolidation (neg)|K-
Effusion (none)|E-
Effusion (yes)|E+
Effusion present|E+
Effusion: present, small|E+
+ effusion, - pneumothorax|E+ X-
PTX (-), PNA (+)|X- P+
PTX-, PNA+|X- P+
(-) PTX, (+) PNA|X- P+
no PTX/PNA/CHF|X- P- D-
neg CXR, no PNA|P-
L PTX s/p CT|X+
RUL collapse|A+
bibasilar atel|A+
Lg L effusion|E+
sm R pl effusion|E+
mod CHF|D+
no acute CHF|D-
CHF resolved|D-
CHF improving|D+
ETT 4 cm above carina|S+
Tubes and lines unchanged.|S+
PICC line has been removed.|S-
No pneumothorax following chest tube removal.|X-
No focal infiltrate and effusions are present.|I- E+
Resolution of pneumothorax is incomplete.|X+
It is not true that there is no effusion.|E?
Not without effusion.|E+
No pneumothorax, effusion, consolidation, or edema is seen.|X- E- K- D-
No pneumothorax and small effusions persist.|X- E+
No edema and a new nodule is seen in the right lung.|D- N+
No effusion and cardiomegaly is unchanged.|E- C+
No effusion and pneumothorax are seen.|E- X-
No definite pneumothorax, although a tiny apical one cannot be excluded.|X?
The nodule seen previously is no longer evident.|N-
The effusion, which was seen yesterday, has resolved.|E-
Resolution of edema is nearly complete.|D+
Clearing of the infiltrate is partial.|I+
Atelectasis is favored over pneumonia.|A? P?
Atelectasis favored.|A?
The pneumothorax has not recurred.|X-
Pneumothorax, if present, is small.|X?
Consolidation has been replaced by atelectasis.|K? A+
Findings are atypical for pneumonia.|P?
Low likelihood of pneumonia.|P?
Chances of pneumothorax are low.|X?
No infiltrates, hernia present.|I- H+
No edema, nodule noted in RUL.|D- N+
Effusion: Absent bilaterally|E-
Effusion [No]|E-
Pneumothorax [N]|X-
Pneumothorax: [no]|X-
¦ Effusion ¦ no ¦|E-
¦ Finding ¦ Result ¦~¦ Effusion ¦ absent ¦~¦ Cardiomegaly ¦ present ¦|E- C+
Effusion ¦ No~Pneumothorax ¦ No~Cardiomegaly ¦ Yes|E- X- C+
Effusion→No¬Cardiomegaly→Yes¬Pneumothorax→None|E- C+ X-
Effusion (Y/N) N|E-
Atelectasis -> no|A-
Atelectasis => none|A-
Atelectasis ... no|A-
Consolidation: not visualised|K-
Consolidation: no evidence|K-
Consolidation: no definite|K-
Consolidation: cleared|K-
Consolidation: resolving|K+
Consolidation: completely resolved|K-
Consolidation: not resolved|K+
Effusion, right: none. Effusion, left: none.|E-
Cardiomegaly: CTR 0.58|C?
Lungs: no consolidation, no nodule, atelectasis present at left base|K- N- A+
Pneumothorax – no, Effusion – moderate|X- E+
✓ Effusion ✗ Pneumothorax|E+ X-
Effusion ✔ Pneumothorax ✘|E+ X-
[-] Effusion [+] Edema|E- D+
"Effusion": "no", "Edema": "yes"|E- D+
Effusion: 'no'|E-
Effusion: **no**|E-
**Effusion:** none|E-
1)No effusion2)Cardiomegaly|E- C+
No effusion→cardiomegaly|E- C+
-No effusion -Cardiomegaly|E- C+
+ No effusion~+ Cardiomegaly|E- C+
(i) no effusion (ii) cardiomegaly|E- C+
(1)No effusion(2)Cardiomegaly|E- C+
1/ No effusion 2/ Cardiomegaly|E- C+
A) No effusion B) Cardiomegaly|E- C+
#1 No effusion #2 Cardiomegaly|E- C+
1.NO EFFUSION.2.CARDIOMEGALY.|E- C+
NO EFFUSION.CARDIOMEGALY.|E- C+
no effusion.cardiomegaly.|E- C+
No effusion\nCardiomegaly|E- C+
No effusion<br>Cardiomegaly|E- C+
No effusion // Cardiomegaly|E- C+
Impression: 1.Cardiomegaly 2.No PTX 3.LLL atelectasis|C+ X- A+
IMPRESSION:1.No pneumothorax2.Small effusion|X- E+
No effusion, 8 mm nodule RUL|E- N+
Effusion partly resolved.|E+
Effusion 90% resolved.|E+
Effusion hasn't resolved.|E+
Effusion did not resolve.|E+
Effusion does not appear to have resolved.|E+
Effusion fails to resolve.|E+
No complete resolution of the pneumothorax.|X+
Lack of change in the effusion.|E+
Lack of resolution of the pneumonia.|P+
Failure of the pneumothorax to resolve.|X+
Absence of interval change in the effusion.|E+
Neither improvement nor worsening of edema.|D+
The effusion is not as large.|E+
Not a new effusion.|E+
The mass is not well seen.|M?
CXR: no PTX, no eff, no consol.|X- E- K-
sm b/l effs|E+
RLL pneum|P+
no pneumo|X-
no airspace dz|K-
cmegaly|C+
mild PVH|D+
NGT d/c'd|S-
L SC line|S+
pigtail in place|S+
trach in place|S+
VP shunt|S+
no lines|S-
eval for PTX|X?
eval PNA|P?
PNA v. atelectasis|P? A?
s/o PNA|P?
neg PTX|X-
no ↑ in effusion|E+
Ø PTX|X-
It is doubtful that there is a pneumothorax.|X-
Pneumothorax ¦ - ¦ Effusion ¦ + ¦|X- E+
Consolidation: is absent|K-
Consolidation: there is none|K-
Effusion: not significant|E-
•No PTX•Cardiomegaly|X- C+
Effusion and pneumothorax are absent.|E- X-
No consolidation, edema, or effusion is present.|K- D- E-
"""
# What is no finding of this chest, or no denial of it.
NOT_MENTIONED = [
    ("Hx of pneumonia.", "Pneumonia"),
    ("History of CHF.", "Edema"),
    ("Status post pneumonia.", "Pneumonia"),
    ("PE ruled out.", "Effusion"),
    ("Small pericardial effusion.", "Effusion"),
    ("The joint effusion is unchanged.", "Effusion"),
    ("The lungs are not clear.", "Consolidation"),
    ("The heart is not normal.", "Cardiomegaly"),
    ("The lungs are of normal volume.", "Consolidation"),
    ("hx CHF", "Edema"),
]


@pytest.mark.parametrize("line", [line for line in STATEMENTS.splitlines() if line])
def test_a_statement_says_of_its_findings_what_a_reader_reads(line: str) -> None:
    text, _, codes = line.rpartition("|")
    expected = {NAMES[code[0]]: STATUSES[code[1]] for code in codes.split()}
    found = label(text.translate(SPELLED))
    assert {finding: found.get(finding) for finding in expected} == expected


@pytest.mark.parametrize(("text", "finding"), NOT_MENTIONED)
def test_what_is_no_finding_of_this_chest_is_not_mentioned(text: str, finding: str) -> None:
    assert finding not in label(text)


@pytest.mark.parametrize(
    "text",
    [
        "No effusion\nMild cardiomegaly\nSmall nodule in the right apex",
        "No effusion.\nMild cardiomegaly.\nSmall nodule in the right apex.",
        "No effusion - mild cardiomegaly - small nodule in the right apex",
        "1.No effusion 2.Mild cardiomegaly 3.Small nodule in the right apex",
        "- No effusion\n- Mild cardiomegaly\n- Small nodule in the right apex",
        "no effusion\nmild cardiomegaly\nsmall nodule in the right apex",
        "\u2022 No effusion \u2022 Mild cardiomegaly \u2022 Small nodule in the right apex",
    ],
)
def test_spellings_of_one_report_have_the_same_labels(text: str) -> None:
    found = label(text)
    assert (found["Effusion"], found["Cardiomegaly"], found["Nodule"]) == ("absent", "present", "present")


@pytest.mark.parametrize(
    "text",
    ["No evidence of pneumothorax or\npleural effusion.", "No consolidation, pleural\neffusion or edema."],
)
def test_a_wrapped_line_goes_on(text: str) -> None:
    assert label(text)["Effusion"] == "absent"
