"""The whole page and its style."""

from __future__ import annotations

from pathlib import Path

from radscribe._version import __version__
from radscribe.evaluation.page import finding_sections, sections
from radscribe.evaluation.page.examples import examples
from radscribe.evaluation.page.markup import Markup, join, tag, void
from radscribe.evaluation.records import Evaluation, LabelScores

STYLE = """
:root{color-scheme:light dark;--page:#f6f7f8;--card:#fff;--ink:#1a222c;--soft:#5b6673;--line:#d9dee4;
--system:#0b5cad;--other:#8b96a3;--good:#1a7a46;--bad:#b3261e;--miss:#9a5b00;--against:#7a2e9c;
--bad-bg:#fde8e6;--miss-bg:#fff1d6;--good-bg:#e3f4ea;--against-bg:#f3e6fa;--warn-bg:#fff6e0;--warn:#8a5200}
@media (prefers-color-scheme:dark){:root{--page:#12171d;--card:#1a2129;--ink:#e4e9ee;--soft:#9aa6b3;
--line:#323c47;--system:#6db3f2;--other:#7d8996;--good:#6fcf97;--bad:#ff8f86;--miss:#f0b65a;--against:#d29bf0;
--bad-bg:#4a1f1c;--miss-bg:#42300f;--good-bg:#173626;--against-bg:#382046;--warn-bg:#3a2c0c;--warn:#f3c369}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:68rem;margin:0 auto;padding:1.25rem 1rem 3rem}
h1{font-size:1.6rem;line-height:1.2;margin:.2rem 0;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.2rem 0 .3rem}
h3{font-size:1rem;margin:0 0 .4rem}
p{margin:.4rem 0;max-width:46rem}
.kicker,.note,figcaption{color:var(--soft);font-size:.9rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.9rem 1rem;
margin:.8rem 0}
.warnings{background:var(--warn-bg);border:1px solid var(--warn);border-left-width:.4rem}
.warnings h2{margin:0 0 .3rem;color:var(--warn)}
.warnings ul{margin:0;padding-left:1.2rem}
.warnings li{margin:.25rem 0;max-width:54rem}
.warnings li:first-child{font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:.7rem;margin:.8rem 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem}
.tile b{display:block;font-size:1.5rem;line-height:1.25;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.87rem;display:block;line-height:1.35}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(25rem,100%),1fr));
gap:.8rem;margin:.8rem 0}
.grid .card{margin:0;min-width:0}
.small{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.6rem}
.small figure{margin:0}
.rows{display:grid;grid-template-columns:minmax(6.2rem,10.5rem) 1fr 2.7rem;gap:0 .8rem;align-items:center;
font-size:.88rem;line-height:1.25}
.rows>*{padding:.12rem 0}
.rows .value,td{text-align:right;font-variant-numeric:tabular-nums}
.rows .system{font-weight:650;color:var(--system)}
svg{display:block;width:100%;overflow:visible}
svg text{fill:var(--soft);font-size:11px}
.axis{stroke:var(--line);stroke-width:1}
.guide{stroke:var(--line);stroke-width:1;stroke-dasharray:3 3}
.mark{fill:var(--other)}.span{stroke:var(--other);stroke-width:2.5;opacity:.55}
.mark.system{fill:var(--system)}.span.system{stroke:var(--system)}
.reach{stroke:var(--bad);stroke-width:1.2;stroke-dasharray:3 2}
.bar-system{fill:var(--system)}.bar-other{fill:var(--other);opacity:.6}
.curve{fill:none;stroke:var(--system);stroke-width:2}
.outline{fill:none;stroke:var(--ink);stroke-width:1.6}
.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;vertical-align:-.05em;margin-right:.35em}
.key.system{background:var(--system)}.key.other{background:var(--other)}
.scroll{overflow-x:auto;margin:.6rem 0;
border:1px solid var(--line);border-radius:.5rem;background:var(--card)}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);white-space:nowrap;vertical-align:top}
thead th{text-align:right;color:var(--soft);font-weight:600;vertical-align:bottom}
th:first-child{text-align:left;position:sticky;left:0;background:var(--card);font-weight:500}
tbody tr:last-child>*{border-bottom:0}
tr:first-child th[scope=row]{font-weight:500}
.scores td,.scores th{padding:.35rem .45rem}.scores small{font-size:.72rem}
.scores tbody tr:first-child>*{font-weight:650;color:var(--system)}
td small{display:block;color:var(--soft);font-weight:400}
.captions td:last-child,.captions thead th:last-child{text-align:left;white-space:normal;min-width:15rem}
.worse{color:var(--bad)}.better{color:var(--good)}
.example{display:grid;grid-template-columns:auto 1fr;gap:.4rem 1.1rem;break-inside:avoid}
.example .pictures{display:flex;gap:.5rem;grid-row:span 2;flex-wrap:wrap;max-width:20rem}
.example figure{margin:0;max-width:18rem}
.example img{max-width:100%;border-radius:.3rem;background:#000;display:block}
.example.bare{grid-template-columns:1fr}
.example header{grid-column:1/-1;display:flex;flex-wrap:wrap;gap:.1rem .8rem;justify-content:space-between}
.example header b{overflow-wrap:anywhere}
.texts{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:.4rem 1.4rem;min-width:0}
.texts p{margin:.1rem 0;overflow-wrap:anywhere}
.texts h4{margin:.2rem 0 0;font-size:.8rem;color:var(--soft);font-weight:600}
mark{color:inherit;background:none;border-radius:.2em;padding:0 .12em;margin:0 -.12em}
mark.agree{background:var(--good-bg);border-bottom:2px solid var(--good)}
mark.denied{border-bottom:1px dotted var(--good)}
mark.invented{background:var(--bad-bg);border-bottom:2px solid var(--bad)}
mark.missed{background:var(--miss-bg);border-bottom:2px dashed var(--miss)}
mark.against{background:var(--against-bg);border-bottom:3px double var(--against)}
mark.doubt{border-bottom:2px dotted var(--miss)}
.verdict{margin:.3rem 0 0;
padding:0;list-style:none;display:flex;flex-wrap:wrap;gap:.15rem 1rem;font-size:.88rem}
.verdict .invented{color:var(--bad)}.verdict .missed{color:var(--miss)}
.verdict .against{color:var(--against)}.verdict .agree{color:var(--good)}
.legend{font-size:.88rem;line-height:2.1}.legend mark{margin:0 .7rem 0 0;display:inline-block;line-height:1.5}
code{font:.82rem/1.5 ui-monospace,SFMono-Regular,Menlo,monospace;overflow-wrap:anywhere}
dl{font-size:.9rem}dt{font-weight:600;margin-top:.5rem}dd{margin:0;color:var(--soft);overflow-wrap:anywhere}
footer{margin-top:2.5rem;border-top:1px solid var(--line);color:var(--soft);font-size:.88rem}
@media (max-width:34rem){main{padding:.9rem .8rem 2rem}
h1{font-size:1.35rem}.example{grid-template-columns:1fr}
.example .pictures{max-width:none}th,td{padding:.3rem .45rem}.tiles{grid-template-columns:1fr 1fr}
.tile b{font-size:1.25rem}.grid{grid-template-columns:1fr}
th:first-child{max-width:8.5rem;white-space:normal}}
@media print{:root{color-scheme:light;--page:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;
--system:#0b5cad;--other:#8b96a3;--good:#1a7a46;--bad:#b3261e;--miss:#9a5b00;--against:#7a2e9c;--bad-bg:#fde8e6;
--miss-bg:#fff1d6;--good-bg:#e3f4ea;--against-bg:#f3e6fa;--warn-bg:#fff6e0;--warn:#8a5200}
body{font-size:10.5pt}main{max-width:none;padding:0}.card,.tile,tr,figure{break-inside:avoid}
h2,h3{break-after:avoid}.scroll{overflow:visible}table{font-size:8pt}th,td{padding:2pt 3pt}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
""".strip()
# The page loads nothing, even if a caption holds markup.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(
    captions: Evaluation | None, labels: LabelScores | None, image_root: Path, evidence: Path | None = None
) -> str:
    """Return the report as one HTML file.

    Parameters
    ----------
    captions : Evaluation, optional
        Captions beside reports.
    labels : LabelScores, optional
        Probabilities and captions beside labels.
    image_root : Path
        The folder from which the image paths of the studies start. Images that are there are shown.
    evidence : Path, optional
        Folder of overlays, one picture per study, named by its id.
    """
    content: list[Markup] = []
    name = ""
    if captions is not None:
        name = captions.system.name
        content += _captions(captions, image_root, evidence)
    if labels is not None:
        name = name or labels.system
        content += finding_sections.label_sections(labels, alone=captions is None)
    return document(name, "captions beside their references" if captions else "scores on labels", content)


def document(name: str, kicker: str, content: list[Markup]) -> str:
    """Return a page with a title and sections."""
    head = tag(
        "head",
        void("meta", charset="utf-8"),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", f"{name}: {kicker}"),
        tag("style", Markup(STYLE)),
    )
    body = tag(
        "main",
        tag("p", f"radscribe: {kicker}", class_="kicker"),
        tag("h1", name),
        *content,
        tag(
            "footer",
            tag(
                "p",
                f"radscribe {__version__}. Captions are drafts by a model: not verified, not for diagnosis.",
            ),
        ),
    )
    return join([Markup("<!DOCTYPE html>\n"), tag("html", head, tag("body", body), lang="en")]) + "\n"


def _captions(evaluation: Evaluation, image_root: Path, evidence: Path | None) -> list[Markup]:
    references = evaluation.task.references
    of = f" of {evaluation.task.source}" if evaluation.task.source else ""
    return [
        tag(
            "p",
            f"{evaluation.n} {references.part} studies{of}, scored against the "
            f"{'report' if references.target == 'both' else references.target}.",
        ),
        sections.warnings(evaluation),
        sections.tiles(evaluation),
        sections.scores(evaluation),
        finding_sections.findings(evaluation),
        examples(evaluation, image_root, evidence),
        sections.wording_section(evaluation),
        finding_sections.probabilities(evaluation),
        sections.method(evaluation),
    ]
