"""Masking: personal data and secrets leave a text before it is logged, exported or kept.

What must stay true: nothing given is changed in place; every pattern runs in time proportional to the text;
where label and pattern disagree, the stricter wins. Neighbours: the ledger, telemetry, exports, connectors.
"""

from __future__ import annotations

from decisionos.kernel.masking.detectors import Finding, Kind, detect
from decisionos.kernel.masking.masker import Strength, mask_fields, mask_text, mask_value

__all__ = ["Finding", "Kind", "Strength", "detect", "mask_fields", "mask_text", "mask_value"]
