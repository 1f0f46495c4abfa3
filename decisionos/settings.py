"""Settings, everything from the environment. Sections: place, security, apps, database, web, time, API,
tasks, logs, product. A value that cannot be understood stops the start and names its variable.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path
from urllib.parse import quote

import django
from django.core.exceptions import ImproperlyConfigured

from decisionos import env
from decisionos.kernel.console import versions as _versions
from decisionos.kernel.servers import places as _places

# --- place ---------------------------------------------------------------------------------------------
BASE_DIR = Path(__file__).resolve().parent.parent
DOS_ENV = env.text("DOS_ENV", "dev")
if DOS_ENV not in {"dev", "prod"}:
    raise ImproperlyConfigured(f"DOS_ENV must be dev or prod, not {DOS_ENV!r}.")
PRODUCTION = DOS_ENV == "prod"
DOS_DATA_DIR = env.folder("DOS_DATA_DIR", BASE_DIR / "var")
PLACES = _places.Places(DOS_DATA_DIR)
DOS_VERSION = "0.1.0"

# --- security ------------------------------------------------------------------------------------------
_own = {} if PRODUCTION else _places.installation_secrets(DOS_DATA_DIR)
SECRET_KEY = env.text("DOS_SECRET_KEY") or _own.get("secret_key", "")
DOS_ENCRYPTION_KEYS = env.text("DOS_ENCRYPTION_KEYS") or _own.get("encryption_keys", "")
if not SECRET_KEY:
    raise ImproperlyConfigured("DOS_SECRET_KEY must be set when DOS_ENV=prod.")
if not DOS_ENCRYPTION_KEYS:
    raise ImproperlyConfigured("DOS_ENCRYPTION_KEYS must be set when DOS_ENV=prod (id:base64 of 32 bytes).")
DEBUG = env.flag("DOS_DEBUG")
if PRODUCTION and DEBUG:
    raise ImproperlyConfigured("DOS_DEBUG must be 0 when DOS_ENV=prod.")
ALLOWED_HOSTS = env.words("DOS_ALLOWED_HOSTS", "" if PRODUCTION else "localhost,127.0.0.1,[::1],testserver")
CSRF_TRUSTED_ORIGINS = env.words("DOS_TRUSTED_ORIGINS")
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_HSTS_SECONDS = 63_072_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("DOS_BEHIND_PROXY") else None
DOS_TRUSTED_PROXIES = env.networks("DOS_TRUSTED_PROXIES")
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^livez$"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_AGE = 12 * 3600
PASSWORD_RESET_TIMEOUT = 3600
OTP_TOTP_ISSUER = "DecisionOS"
X_FRAME_OPTIONS = "DENY"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTH_USER_MODEL = "tenancy_identity.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
GUARDIAN_USER_OBJ_PERMS_MODEL = "tenancy_access.ObjectPermission"
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/"
CSRF_FAILURE_VIEW = "decisionos.kernel.console.failures.csrf_failure"

# --- apps: the map of the product ------------------------------------------------------------------------
INSTALLED_APPS = [
    # the composition root and Django
    "decisionos.apps.DecisionOSConfig",
    "decisionos.kernel.admin.apps.DosAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "django_filters",
    "guardian",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_prometheus",
    # kernel
    "decisionos.kernel.apps.KernelConfig",
    "decisionos.kernel.tenants",
    "decisionos.kernel.keys",
    "decisionos.kernel.ledger",
    "decisionos.kernel.events",
    "decisionos.kernel.idempotency",
    "decisionos.kernel.web",
    "decisionos.kernel.console.apps.KernelConsoleConfig",
    # tenancy
    "tenancy",
    "tenancy.organizations",
    "tenancy.identity",
    "tenancy.access",
    "tenancy.privacy",
    # policy
    "policy",
    "policy.rules",
    "policy.packs",
    "policy.decisions",
    "policy.decisions.backtests",
    # evidence
    "evidence",
    "evidence.binder",
]
# A package that is not there yet is not installed; the list above is the order they stand in.
INSTALLED_APPS = [
    app
    for app in INSTALLED_APPS
    if app.split(".")[0] not in {"decisionos", "tenancy", "policy", "evidence"}
    or app.endswith("Config")
    or (BASE_DIR / app.replace(".", "/") / "apps.py").exists()
]
MIDDLEWARE = [
    "decisionos.kernel.web.metrics.MetricsBeforeMiddleware",
    "decisionos.kernel.web.middleware.CorrelationMiddleware",
    "tenancy.access.paths.TenantPathMiddleware",
    "decisionos.kernel.web.middleware.FaultMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "decisionos.kernel.web.middleware.ContentSecurityMiddleware",
    "decisionos.kernel.web.pages.SessionMiddleware",
    "decisionos.kernel.web.pages.LocaleMiddleware",
    "decisionos.kernel.web.pages.CommonMiddleware",
    "decisionos.kernel.web.pages.CsrfViewMiddleware",
    "decisionos.kernel.web.pages.AuthenticationMiddleware",
    "decisionos.kernel.web.pages.OTPMiddleware",
    "tenancy.identity.middleware.SessionWatchMiddleware",
    "decisionos.kernel.web.pages.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "decisionos.kernel.tenants.middleware.PageScopeMiddleware",
    "decisionos.kernel.console.middleware.ConsoleMiddleware",
    "decisionos.kernel.web.metrics.MetricsAfterMiddleware",
]
ROOT_URLCONF = "decisionos.urls"
WSGI_APPLICATION = "decisionos.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "django.template.context_processors.static",
                "decisionos.kernel.console.context.console",
            ],
        },
    },
]
STATICFILES_DIRS = [BASE_DIR / "static"]
# The address carries what the files hold: a module's imports stay together, and all of it is cached for good.
DOS_STATIC_VERSION = _versions.digest(STATICFILES_DIRS, DOS_VERSION, django.__version__)
STATIC_URL = f"/static/{DOS_STATIC_VERSION}/"
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
WHITENOISE_IMMUTABLE_FILE_TEST = _versions.is_immutable
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- database: three roles on one PostgreSQL ---------------------------------------------------------------
_DATABASE_URL = env.text("DATABASE_URL")
_NAMES = {"default": "dos_app", "owner": "dos_owner", "platform": "dos_platform"}
DOS_EMBEDDED_POSTGRES = not _DATABASE_URL
if _DATABASE_URL:
    _given = env.database(_DATABASE_URL)
    DOS_ROLE_PASSWORDS = {
        role: hmac.new(SECRET_KEY.encode(), role.encode(), hashlib.sha256).hexdigest()
        for role in _NAMES.values()
    }
else:
    _given = {
        "NAME": "decisionos",
        "USER": "postgres",
        "PASSWORD": "",
        "HOST": str(PLACES.sockets),
        "PORT": "",
    }
    DOS_ROLE_PASSWORDS = {}


def _dsn(user: str, password: str, name: str) -> str:
    parts = {
        "host": _given["HOST"],
        "port": _given["PORT"],
        "user": user,
        "password": password,
        "dbname": name,
    }
    return " ".join(f"{key}={value}" for key, value in parts.items() if value)


def DOS_ADMIN_DSN_OF(name: str) -> str:  # noqa: N802  a setting, read as one
    """Return the administrator's connection string for one database."""
    return _dsn(str(_given["USER"]), str(_given["PASSWORD"]), name)


DOS_ADMIN_DSN = DOS_ADMIN_DSN_OF("postgres" if DOS_EMBEDDED_POSTGRES else str(_given["NAME"]))
DOS_OWNER_DSN = _dsn("dos_owner", DOS_ROLE_PASSWORDS.get("dos_owner", ""), str(_given["NAME"]))
_OPTIONS = {"connect_timeout": 2, "application_name": "decisionos"}
DATABASES = {
    alias: {
        **_given,
        "ENGINE": "decisionos.kernel.servers.postgresql",
        "USER": role,
        "PASSWORD": DOS_ROLE_PASSWORDS.get(role, ""),
        "CONN_MAX_AGE": None if alias == "default" else 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**_OPTIONS, "options": "-c statement_timeout=60000"} if alias != "owner" else _OPTIONS,
        "TEST": {"MIRROR": None},
    }
    for alias, role in _NAMES.items()
}
MIGRATION_DATABASE = "owner"

# --- redis, cache, tasks ---------------------------------------------------------------------------------
REDIS_URL = env.text("REDIS_URL")
DOS_EMBEDDED_REDIS = not REDIS_URL
_socket = quote(str(PLACES.redis_socket), safe="")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CELERY_BROKER_URL = REDIS_URL or f"redis+socket://{PLACES.redis_socket}"
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "visibility_timeout": 600,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(PLACES.run / "beat")
CELERY_BEAT_SCHEDULE = {
    "seal-ledger": {
        "task": "decisionos.kernel.ledger.tasks.seal_ledger",
        "schedule": 1.0,
        "options": {"expires": 5},
    },
    "relay-events": {
        "task": "decisionos.kernel.events.tasks.relay_events",
        "schedule": 1.0,
        "options": {"expires": 5},
    },
    "fold-statistics": {
        "task": "policy.decisions.tasks.fold_statistics",
        "schedule": 2.0,
        "options": {"expires": 10},
    },
    "sweep-backtests": {
        "task": "policy.decisions.backtests.tasks.sweep_backtests",
        "schedule": 10.0,
        "options": {"expires": 20},
    },
}

# --- language and time -------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ko", "한국어")]
DOS_LOCALE_DIR = DOS_DATA_DIR / "locale"
LOCALE_PATHS = [DOS_LOCALE_DIR / path.name for path in sorted((BASE_DIR / "locale").glob("*/"))]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- mail: files under the data folder until a server is named --------------------------------------------
_SMTP = env.text("DOS_SMTP_URL")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if _SMTP else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = str(DOS_DATA_DIR / "mail")
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("DOS_MAIL_FROM", "DecisionOS <no-reply@localhost>")
if _SMTP:
    _mail = env.mail(_SMTP)
    EMAIL_HOST, EMAIL_PORT = _mail["host"], _mail["port"]
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["user"], _mail["password"]
    EMAIL_USE_TLS, EMAIL_USE_SSL = _mail["starttls"], _mail["tls"]

# --- API --------------------------------------------------------------------------------------------
DOS_MAX_BODY_BYTES = env.number("DOS_MAX_BODY_BYTES", 1_000_000, least=1_000)
DOS_MAX_UPLOAD_BYTES = env.number("DOS_MAX_UPLOAD_BYTES", 100_000_000, least=1_000)
DATA_UPLOAD_MAX_MEMORY_SIZE = DOS_MAX_UPLOAD_BYTES
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tenancy.access.authentication.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["tenancy.access.authentication.RequirePermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["decisionos.kernel.web.bodies.JsonParser"],
    "DEFAULT_SCHEMA_CLASS": "decisionos.kernel.web.documentation.OperationSchema",
    "EXCEPTION_HANDLER": "decisionos.kernel.web.problems.handle",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "DecisionOS",
    "DESCRIPTION": "Automated business decisions, with reasons and proof.",
    "VERSION": DOS_VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
}

# --- logs: three channels, JSON lines, rotated daily ------------------------------------------------------
DOS_LOG_DAYS = env.number("DOS_LOG_DAYS", 90, least=1)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "decisionos.kernel.logs.JsonFormatter"}},
    "handlers": {
        channel: {
            "class": "decisionos.kernel.logs.DailyFileHandler",
            "formatter": "json",
            "folder": str(PLACES.logs),
            "channel": channel,
            "days": DOS_LOG_DAYS,
        }
        for channel in ("decision", "audit", "error")
    }
    | {"console": {"class": "logging.StreamHandler", "formatter": "json", "level": "WARNING"}},
    "loggers": {
        "decisionos.decision": {"handlers": ["decision"], "level": "INFO", "propagate": False},
        "decisionos.audit": {"handlers": ["audit"], "level": "INFO", "propagate": False},
        "django.request": {"handlers": ["error"], "level": "ERROR", "propagate": False},
    },
    "root": {"handlers": ["error", "console"], "level": env.text("DOS_LOG_LEVEL", "WARNING")},
}

# --- product ----------------------------------------------------------------------------------------
DOS_PORT = env.number("DOS_PORT", 8000, least=1, most=65_535)
DOS_DEMO = env.flag("DOS_DEMO", True)
DOS_WEB_WORKERS = env.number("DOS_WEB_WORKERS", min(2, os.cpu_count() or 1), least=1, most=64)
DOS_MAINTENANCE = env.text("DOS_MAINTENANCE")
DOS_PACK_PUBLISHERS = env.words("DOS_PACK_PUBLISHERS")
PROMETHEUS_EXPORT_MIGRATIONS = False
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]
