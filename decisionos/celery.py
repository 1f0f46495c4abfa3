"""The Celery application. Tasks are found in each app's ``tasks.py``; settings start with CELERY_."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "decisionos.settings")

app = Celery("decisionos")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# What is current belongs to one thread; the default is what every other thread of a web server sends by.
app.set_default()
