"""A generated data set of loan applications, so that the product can be tried without anybody's data.

What must stay true: the same seed gives the same rows; no row describes a person; the distributions are the
ones stated here and nothing else:

- credit_score: normal, mean 660, deviation 85, cut to 300..850
- dti: gamma, shape 4.2, mean 0.38, cut to 0..2, two decimals
- income_monthly (won): log-normal around 3,600,000, rounded to 10,000
- income_verified: 72 %; each optional field is absent from 15 % of the rows
- property_type, region, employment_type, purpose: the weights of the tables below
- estimated_value: income x 12 x (4..14); target_amt: 10 % to 70 % of it; senior_loan_amt: none in 60 %,
  otherwise up to 45 % of the value
- label (1 good, 0 bad): Bernoulli, log-odds of good = 1.7 + (score - 660)/60 - 4.2 (dti - 0.38)
  + 0.5 if verified - 0.25
"""

from __future__ import annotations

import datetime
import itertools
import math
import random
from pathlib import Path
from typing import Any

from django.conf import settings

from decisionos.kernel.tenants import scope
from policy.decisions import pipeline, services
from policy.packs import services as packs

SEED = 20260101
PACK, CONTRACT, ACTOR = "lending", "lending", "system:demo"
LABEL = "label"
KST = datetime.timedelta(hours=9)

_EMPLOYMENT = (("salaried", 58), ("self_employed", 22), ("contract", 14), ("retired", 6))
_PROPERTY = (("apartment", 66), ("condo", 20), ("house", 14))
_REGION = (("SEO", 38), ("BSN", 18), ("ICN", 16), ("TGG", 14), ("DJN", 14))
_PURPOSE = (
    ("home_purchase", 34),
    ("refinance", 24),
    ("home_improvement", 14),
    ("business", 14),
    ("education", 8),
    ("medical", 6),
)


def _pick(source: random.Random, weighted: tuple[tuple[str, int], ...]) -> str:
    return source.choices([name for name, _ in weighted], [weight for _, weight in weighted])[0]


def _clip(value: float, least: float, most: float) -> float:
    return min(max(value, least), most)


def application(source: random.Random) -> dict[str, Any]:
    """Return one application with its label."""
    score = round(_clip(source.gauss(660, 85), 300, 850))
    dti = round(_clip(source.gammavariate(4.2, 0.38 / 4.2), 0, 2), 2)
    verified = source.random() < 0.72
    income = round(_clip(source.lognormvariate(math.log(3_600_000), 0.45), 900_000, 60_000_000), -4)
    value = int(income * 12 * source.uniform(4, 14)) // 1_000_000 * 1_000_000
    senior = 0 if source.random() < 0.6 else int(value * source.uniform(0.05, 0.45)) // 100_000 * 100_000
    optional = {
        "employment_type": _pick(source, _EMPLOYMENT),
        "income_monthly": int(income),
        "property_type": _pick(source, _PROPERTY),
        "region": _pick(source, _REGION),
        "estimated_value": value,
        "senior_loan_amt": senior,
        "target_amt": int(value * source.uniform(0.1, 0.7)) // 100_000 * 100_000,
        "purpose": _pick(source, _PURPOSE),
    }
    odds = 1.7 + (score - 660) / 60 - 4.2 * (dti - 0.38) + (0.5 if verified else 0.0) - 0.25
    good = source.random() < 1 / (1 + math.exp(-odds))
    kept = {name: item for name, item in optional.items() if source.random() >= 0.15}
    return {"credit_score": score, "dti": dti, "income_verified": verified, **kept, LABEL: int(good)}


def applications(n: int = 1000, *, seed: int = SEED) -> list[dict[str, Any]]:
    """Return ``n`` applications; the same seed gives the same rows."""
    source = random.Random(seed)
    return [application(source) for _ in range(n)]


def bundled_pack() -> dict[str, bytes]:
    """Return the pack that ships with the product, signed with the installation's own key."""
    return packs.sign_folder(Path(settings.BASE_DIR) / "packs" / PACK)


def moments(n: int, *, now: datetime.datetime, parts: int = 144) -> list[tuple[datetime.datetime, int]]:
    """Return the ten minutes of the day before ``now``, oldest first, each with its share of ``n``.

    Busy at ten in the morning of UTC+9, quiet at night.
    """
    step = datetime.timedelta(days=1) / parts
    starts = [now - step * (parts - place) for place in range(parts)]
    weights = [1.25 + math.sin(((at + KST).hour + at.minute / 60 - 4) / 24 * 2 * math.pi) for at in starts]
    shares, done, reached = [], 0, 0.0
    for at, weight in zip(starts, weights, strict=True):
        reached += weight
        share = round(n * reached / sum(weights)) - done
        done += share
        shares.append((at, share))
    return shares


def _request(line: int, given: dict[str, Any], seed: int) -> pipeline.Asked:
    body = {
        "input": given,
        "subject": f"A-{20_000 + line}",
        "context": {"environment": "stage" if line % 12 == 0 else "prod"},
    }
    return pipeline.read_request(body, key=f"demo:{seed}:{line}", fingerprint=f"demo:{seed}")


def load_demo(n: int = 1000, *, now: datetime.datetime, seed: int = SEED) -> dict[str, int]:
    """Bring the pack into force and decide generated applications, in the scope in force.

    They are dated over the day before ``now``. Returns the count of each class. Safe to repeat: every
    application has its own idempotency key.
    """
    row = packs.import_pack(files=bundled_pack(), actor=ACTOR, now=now)
    packs.activate_pack(name=row.name, version=row.version, actor=ACTOR, now=now)
    given = enumerate(applications(n, seed=seed), start=1)
    counts: dict[str, int] = {}
    for at, share in moments(n, now=now):
        asked = [(line, _request(line, item, seed)) for line, item in itertools.islice(given, share)]
        caller = pipeline.Caller(scope.require(), ACTOR, f"demo-{at:%H%M}")
        for group in services.decide_many(contract=CONTRACT, asked=iter(asked), caller=caller, now=at):
            for answer in group:
                outcome = str(answer.get("class", "refused"))
                counts[outcome] = counts.get(outcome, 0) + 1
    return counts
