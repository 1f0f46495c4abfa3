"""App configuration: compiles the message catalogues that changed and finds every ``console.py``."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import autodiscover_modules

from decisionos.kernel.console import catalogues


class KernelConsoleConfig(AppConfig):
    """The console's shell."""

    name = "decisionos.kernel.console"
    label = "kernel_console"
    verbose_name = "Console"

    def ready(self) -> None:
        """Make the translations readable, then let every app enter its pages, the shell's groups first."""
        from decisionos.kernel.console import console  # noqa: F401, PLC0415  the groups that pages name

        catalogues.compile_all(settings.BASE_DIR / "locale", settings.DOS_LOCALE_DIR)
        autodiscover_modules("console")
