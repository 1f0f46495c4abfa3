"""DecisionOS: the composition root. Settings, URLs, Celery, and the command line live here."""
