"""Turn german_credit.csv into rows of the contract: ``python convert.py german_credit.csv > rows.jsonl``."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

MAPPING = Path(__file__).resolve().parent / "mapping.yaml"


def convert(source: Path, mapping: Path = MAPPING) -> Iterator[dict[str, Any]]:
    """Yield a row of the contract for each application; raises ValueError for a value nobody mapped."""
    columns = yaml.safe_load(mapping.read_text())
    with source.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=1):
            made: dict[str, Any] = {}
            for column, rule in columns.items():
                raw = row[column]
                if rule.get("type") == "integer":
                    made[rule["field"]] = int(raw)
                elif raw in rule["values"]:
                    made[rule["field"]] = rule["values"][raw]
                else:
                    raise ValueError(f"row {number}: {column} has the unknown value {raw!r}")
            yield made


if __name__ == "__main__":
    for item in convert(Path(sys.argv[1])):
        sys.stdout.write(json.dumps(item) + "\n")
