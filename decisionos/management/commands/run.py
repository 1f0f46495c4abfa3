"""Bring up all of DecisionOS: servers, database, web, worker, beat, and a demo organization."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from decisionos import demo
from decisionos.kernel.servers import database, embedded
from decisionos.kernel.servers.supervisor import CannotStart, Supervisor

TRY = ".venv/bin/dosctl decide lending --set credit_score=720 --set dti=0.3 --set income_verified=true"


class Command(BaseCommand):
    """Start what is missing, and nothing else; serve until Ctrl-C."""

    help = "Start DecisionOS with everything it needs and serve until Ctrl-C."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Start, serve, stop; every failure is told in one line."""
        self.began = time.monotonic()
        supervisor = Supervisor(settings.PLACES, port=settings.DOS_PORT, say=self.say)
        try:
            with supervisor:
                self.bring_up(supervisor)
                supervisor.watch()
        except KeyboardInterrupt:
            self.say("stopped")
        except (CannotStart, embedded.ServerFailed, database.RolesMissing, PermissionError) as error:
            raise CommandError(str(error)) from error

    def say(self, text: str) -> None:
        """Print one line of progress with the seconds since the start."""
        self.stdout.write(f"[{time.monotonic() - self.began:5.1f} s] {text}")
        self.stdout.flush()

    def bring_up(self, supervisor: Supervisor) -> None:
        """Start servers, prepare the database, start the processes, tell where to look."""
        supervisor.start_servers(postgres=settings.DOS_EMBEDDED_POSTGRES, redis=settings.DOS_EMBEDDED_REDIS)
        call_command("setup", stdout=self.stdout)
        supervisor.start(
            "web", "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1",
            "--port", str(settings.DOS_PORT), "--workers", str(settings.DOS_WEB_WORKERS),
            "--blocking-threads", "4", "--no-ws",
            "--log-level", "warning", "decisionos.wsgi:application",
        )  # fmt: skip
        supervisor.start(
            "worker", "-m", "celery", "-A", "decisionos", "worker", "--loglevel", "WARNING", "-c", "2"
        )
        supervisor.start("beat", "-m", "celery", "-A", "decisionos", "beat", "--loglevel", "WARNING")
        content: dict[str, Any] = {"organization": None, "keys": {}, "admin": None}
        if settings.DOS_DEMO:
            content = demo.prepare(folder=settings.PLACES.data, say=self.say)
        connections.close_all()
        supervisor.wait_for_web()
        supervisor.write_ready(content)
        self.stdout.write(self.summary(supervisor, content))
        self.stdout.flush()

    @staticmethod
    def summary(supervisor: Supervisor, content: dict[str, Any]) -> str:
        """Return what a newcomer needs to see."""
        lines = ["", f"  DecisionOS is up: {supervisor.url}", f"  details:          {supervisor.ready_file}"]
        admin = content.get("admin")
        if admin:
            lines += [
                f"  sign in:          {supervisor.url}/admin/  {admin['email']}  {admin['password']}",
                f"  API key (agent):  {content['keys']['agent']}",
                f"  try:              export DOS_URL={supervisor.url} DOS_KEY={content['keys']['agent']}",
                f"                    {TRY}",
            ]
        return "\n".join([*lines, "  Ctrl-C stops everything.", ""])
