"""The evaluation report as one HTML page: inline SVG charts, no script, nothing loaded from elsewhere.

What must stay true: every text that came from rows, rules or names is escaped; the page opens from a file
and under ``default-src 'none'; style-src 'unsafe-inline'`` alike; a colour is never the only sign.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Any

from django.http import HttpResponse

from policy.decisions.backtests.metrics import CLASSES

STYLE = """
:root{--ink:#1a2230;--soft:#5b6577;--line:#d9dee7;--page:#fff;--card:#f6f8fb;--good:#1a7f4b;--fair:#96690a;
--poor:#b3261e;--approve:#2f855a;--review:#b7791f;--reject:#c53030}
@media (prefers-color-scheme:dark){:root{--ink:#e8ecf3;--soft:#a3adbd;--line:#343c4a;--page:#12161d;
--card:#1a2029;--good:#5cc58c;--fair:#e0b04a;--poor:#ff8a80;--approve:#48bb78;--review:#ecc94b;
--reject:#fc8181}}
body{margin:0 auto;max-width:62rem;padding:2rem 1.25rem;font:15px/1.5 system-ui,sans-serif;color:var(--ink);
background:var(--page)}h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .6rem}
p.sub{color:var(--soft);margin:.25rem 0 1.25rem}.cards{display:grid;gap:.75rem;
grid-template-columns:repeat(auto-fit,minmax(10rem,1fr))}.card{background:var(--card);
border:1px solid var(--line);border-radius:.5rem;padding:.75rem 1rem}.card b{display:block;font-size:1.6rem;
font-variant-numeric:tabular-nums}.card span{color:var(--soft)}.good b{color:var(--good)}
.fair b{color:var(--fair)}.poor b{color:var(--poor)}table{border-collapse:collapse;width:100%}
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}svg{width:100%;height:auto;display:block}
svg text{font:12px system-ui,sans-serif;fill:var(--ink)}.approve{fill:var(--approve)}
.review{fill:var(--review)}.reject{fill:var(--reject)}.bar{fill:var(--soft)}.seg{max-width:56rem}.wide{overflow-x:auto}
@media print{body{max-width:none}}
"""

_FIGURES = (
    ("reject_precision", "Reject precision", True),
    ("recall", "Recall of bad", True),
    ("review_rate", "Review rate", False),
)


def grade(figure: str, value: float | None) -> str:
    """Return good, fair or poor for a figure, or none where it is unknown."""
    if value is None:
        return "none"
    if figure == "review_rate":
        return "good" if value <= 0.20 else "fair" if value <= 0.40 else "poor"
    return "good" if value >= 0.90 else "fair" if value >= 0.70 else "poor"


def percent(value: float | None) -> str:
    """Return a share as text; a dash where it is unknown."""
    return "–" if value is None else f"{value * 100:.1f} %"


def _cards(metrics: Mapping[str, Any]) -> str:
    cards = [f'<div class="card"><span>Rows decided</span><b>{metrics["rows"]:,}</b></div>']
    for key, title, _higher in _FIGURES:
        sign = grade(key, metrics[key])
        cards.append(
            f'<div class="card {sign}"><span>{title}</span><b>{percent(metrics[key])}</b>'
            f"<span>{'not known' if sign == 'none' else sign}</span></div>"
        )
    held = "holds" if metrics["guard"]["passed"] else "fails: " + ", ".join(metrics["guard"]["failed"])
    cards.append(f'<div class="card"><span>Regression guard</span><b>{escape(held.split(":")[0])}</b>')
    cards.append(f"<span>{escape(held)}</span></div>")
    return f'<div class="cards">{"".join(cards)}</div>'


def _classes_chart(metrics: Mapping[str, Any]) -> str:
    total, left, parts, names = metrics["rows"] or 1, 0.0, [], []
    for name in CLASSES:
        count = metrics["classes"][name]
        width = 900 * count / total
        parts.append(
            f'<rect class="{name}" x="{left:.1f}" y="0" width="{width:.1f}" height="34">'
            f"<title>{name}: {count}</title></rect>"
        )
        names.append(f"{name} {count:,} ({percent(count / total)})")
        left += width
    label = " · ".join(names)
    return (
        f'<svg viewBox="0 0 900 60" role="img" aria-label="{label}">{"".join(parts)}'
        f'<text x="0" y="54">{label}</text></svg>'
    )


def _rules_chart(metrics: Mapping[str, Any]) -> str:
    rules = metrics["rules"][:40]
    most = max((rule["hits"] for rule in rules), default=0) or 1
    bars = []
    for row, rule in enumerate(rules):
        top, width = row * 24, 520 * rule["hits"] / most
        bars.append(
            f'<text x="0" y="{top + 15}">{escape(rule["rule"][:38])}</text>'
            f'<rect class="bar" x="270" y="{top + 3}" width="{width:.1f}" height="16"/>'
            f'<text x="{276 + width:.1f}" y="{top + 15}">{rule["hits"]:,}</text>'
        )
    height = max(24, 24 * len(rules))
    return f'<svg viewBox="0 0 900 {height}" role="img" aria-label="Hits per rule">{"".join(bars)}</svg>'


def _table(head: list[str], rows: list[list[Any]], numeric: set[int]) -> str:
    def cells(values: list[Any], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=n' if at in numeric else ''}>{escape(str(value))}</{tag}>"
            for at, value in enumerate(values)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    top = f"<thead><tr>{cells(head, 'th')}</tr></thead>"
    return f'<div class="wide"><table>{top}<tbody>{body}</tbody></table></div>'


def _section(title: str, metrics: Mapping[str, Any]) -> str:
    rules = [
        [
            rule["rule"],
            f"{rule['hits']:,}",
            percent(rule["share"]),
            percent(rule["bad_share"]),
            f"{rule['not_evaluated']:,}",
        ]
        for rule in metrics["rules"]
    ]
    names = {0: "0 (bad)", 1: "1 (good)", None: "no label"}
    confusion = [
        [names[row["label"]], *(f"{row[name]:,}" for name in CLASSES)] for row in metrics["confusion"]
    ]
    return "".join(
        (
            f"<h2>{escape(title)}</h2>{_cards(metrics)}",
            f"<h2>Decisions</h2>{_classes_chart(metrics)}",
            "<h2>By label</h2>" + _table(["Label", *CLASSES], confusion, {1, 2, 3}),
            f"<h2>Rules</h2>{_rules_chart(metrics)}",
            _table(["Rule", "Hits", "Of rows", "Bad among hits", "Not evaluated"], rules, {1, 2, 3, 4}),
        )
    )


def _segments_chart(cut: Mapping[str, Any]) -> str:
    """Draw the classes of each segment; above them, thinner, what they were before."""
    bars = []
    for row, item in enumerate(cut["segments"]):
        top = row * 30
        bars.append(f'<text x="0" y="{top + 18}">{escape(str(item["name"])[:34])}</text>')
        if "before" in item:
            bars.append(_shares(item["before"], top + 2, 5))
        bars.append(_shares(item, top + 9, 14))
        told = f"{item['rows']:,} rows, review {percent(item['review_rate'])}"
        bars.append(f'<text x="640" y="{top + 20}">{told}</text>')
    height = max(30, 30 * len(cut["segments"]))
    label = f"Decisions by {escape(cut['field'])}"
    return (
        f'<svg class="seg" viewBox="0 0 900 {height}" role="img" aria-label="{label}">{"".join(bars)}</svg>'
    )


def _shares(figures: Mapping[str, Any], top: int, height: int) -> str:
    total, left, parts = figures["rows"] or 1, 230.0, []
    for name in CLASSES:
        width = 400 * figures["classes"].get(name, 0) / total
        parts.append(
            f'<rect class="{name}" x="{left:.1f}" y="{top}" width="{width:.1f}" height="{height}">'
            f"<title>{name}: {figures['classes'].get(name, 0):,}</title></rect>"
        )
        left += width
    return "".join(parts)


def _segments(report: Mapping[str, Any]) -> str:
    """Return one section for each field that the rows were cut by."""
    found = []
    for cut in report.get("segments") or ():
        head = ["Segment", "Rows", "Approve", "Review", "Reject", "Precision", "Recall"]
        compared = any("before" in item for item in cut["segments"])
        rows = []
        for item in cut["segments"]:
            classes = [f"{item['classes'].get(name, 0):,}" for name in CLASSES]
            figures = [percent(item["reject_precision"]), percent(item["recall"])]
            row = [item["name"], f"{item['rows']:,}", *classes, *figures]
            if compared:
                before = item["before"]["review_rate"]
                row += [f"{item['flipped']:,}", f"{percent(before)} → {percent(item['review_rate'])}"]
            rows.append(row)
        more = ["Flipped", "Review rate"] if compared else []
        found.append(
            f"<h2>By {escape(cut['field'])}</h2>{_segments_chart(cut)}"
            + _table([*head, *more], rows, set(range(1, 9)))
        )
    return "".join(found)


def _difference(comparison: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    names = {
        "reject_precision": "Reject precision",
        "recall": "Recall of bad",
        "review_rate": "Review rate",
        "approval_rate": "Approval rate",
        "bad_rate_of_approved": "Bad among approved",
    }
    rows = [
        [
            title,
            percent(comparison["metrics"][key]),
            percent(metrics[key]),
            "–" if (value := comparison["difference"][key]) is None else f"{value * 100:+.1f} points",
        ]
        for key, title in names.items()
    ]
    return "<h2>Before and after</h2>" + _table(["Figure", "Before", "After", "Change"], rows, {1, 2, 3})


def _bad_rows(report: Mapping[str, Any]) -> str:
    rows = []
    for item in report.get("invalid_sample") or ():
        where = item.get("line") or item.get("decision_id") or "–"
        rows += [
            [item["row"], where, error.get("pointer", ""), error.get("message", "")]
            for error in item["errors"] or [{"message": "does not fit the contract"}]
        ]
    if not rows:
        return ""
    shown = f"{len(report['invalid_sample']):,} of {report['metrics']['invalid']:,} shown"
    return f'<h2>Rows that do not fit</h2><p class="sub">{shown}</p>' + _table(
        ["Row", "Line", "Field", "Problem"], rows, {0, 1}
    )


def _flips(report: Mapping[str, Any]) -> str:
    comparison = report.get("comparison")
    if not comparison:
        return ""
    rows = [
        [flip["row"], flip["before"], flip["after"], flip["why"], flip.get("label", "")]
        for flip in comparison["flips"][:500]
    ]
    pairs = [[pair["before"], pair["after"], f"{pair['count']:,}"] for pair in comparison["pairs"]]
    shown = f"{len(rows):,} of {comparison['flipped']:,} shown"
    return (
        f"<h2>Decisions that flip ({comparison['flipped']:,})</h2>"
        + _table(["Before", "After", "Rows"], pairs, {2})
        + f'<p class="sub">{shown}</p>'
        + _table(["Row", "Before", "After", "Why", "Label"], rows, {0})
    )


def render(report: Mapping[str, Any]) -> str:
    """Return the report as one HTML page."""
    head = f"{report['contract']} {report['version']}"
    facts = (
        f"{report['metrics']['rows']:,} rows from {report['source']}, engine {report['engine']}, "
        f"{report['metrics']['invalid']:,} invalid rows left out, label “{report.get('label_key') or '–'}”"
    )
    body = _section(f"Version {report['version']}", report["metrics"])
    if report.get("comparison"):
        body += _difference(report["comparison"], report["metrics"])
        body += _flips(report)
        body += _section(
            f"Compared with version {report['comparison']['version']}", report["comparison"]["metrics"]
        )
    body += _segments(report) + _bad_rows(report)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Evaluation of {escape(head)}</title><style>{STYLE}</style></head><body>"
        f'<h1>Evaluation of {escape(head)}</h1><p class="sub">{escape(facts)}</p>{body}</body></html>\n'
    )


def response(report: Mapping[str, Any]) -> HttpResponse:
    """Return the page as an answer whose policy allows its own style and nothing else."""
    page = HttpResponse(render(report), content_type="text/html; charset=utf-8")
    style = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    page["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'sha256-{style}'; frame-ancestors 'none'"
    )
    page["Referrer-Policy"] = "no-referrer"
    return page
