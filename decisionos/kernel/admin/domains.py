"""The admin's map: models grouped by domain; the domain's own package lends its name, icon and order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.utils.text import capfirst

KERNEL = "decisionos.kernel"


@dataclass(slots=True)
class Domain:
    """A domain and what can be looked at in it."""

    name: str
    label: Any
    icon: str
    order: int
    models: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_active(self) -> bool:
        """Return whether one of its pages is open."""
        return any(model["is_active"] for model in self.models)


def root_of(module: str) -> str:
    """Return the package that lends a model's domain its name."""
    first = module.split(".", maxsplit=1)[0]
    return KERNEL if first == "decisionos" else first


def domain_of(module: str) -> Domain:
    """Return the domain of a module, as its app describes it."""
    root = root_of(module)
    config = next((config for config in apps.get_app_configs() if config.name == root), None)
    if config is None:
        return Domain(root, root, "folder", 900)
    return Domain(
        config.label, config.verbose_name, getattr(config, "icon", "folder"), getattr(config, "order", 500)
    )


def grouped(available: list[dict[str, Any]], path: str, site: Any) -> list[Domain]:
    """Return Django's list of apps as domains in their order, the apps of a domain as they are installed."""
    installed = {config.label: place for place, config in enumerate(apps.get_app_configs())}
    found: dict[str, Domain] = {}
    for app in sorted(available, key=lambda row: installed.get(row["app_label"], 0)):
        for entry in app["models"]:
            domain = domain_of(entry["model"].__module__)
            domain = found.setdefault(domain.name, domain)
            shown = site.get_model_admin(entry["model"])
            address = entry["admin_url"] or ""
            domain.models.append(
                {
                    "label": capfirst(entry["name"]),
                    "url": address,
                    "add_url": entry.get("add_url") or "",
                    "icon": getattr(shown, "icon", "") or "table",
                    "about": getattr(shown, "about", ""),
                    "is_active": bool(address) and path.startswith(address),
                    "model": entry["model"],
                }
            )
    return sorted(found.values(), key=lambda row: (row.order, row.name))
