"""Django's settings. What differs between machines comes from the environment; everything else stands here.

| variable | meaning | default |
|---|---|---|
| OPENCETS_HOME | folder for everything this machine keeps: database, blobs, secrets, indexes | ``var`` beside the clone |
| DATABASE_URL | a PostgreSQL server instead of the embedded one | none |
| OPENCETS_DB_ROLE | database role of this process: web, jobs or owner | web |
| OPENCETS_HOSTS | host names served, comma separated | localhost,127.0.0.1,[::1] |
| OPENCETS_HTTPS | 1: cookies only over HTTPS, HSTS | 0 |
| OPENCETS_DATABASE_BUFFERS | megabytes of pages that the database server keeps | a quarter of the memory, 128 to 8192 |
| OPENCETS_IDLE_SECONDS | seconds without an act of the officer after which the session locks | 1800 |
| OPENCETS_AUDIT_KEY | file of the key that signs the audit log | ``secrets/audit-signing-key`` in the home |
| OPENCETS_DEBUG | 1: component gallery at /design/, tracebacks | 0 |
| OPENCETS_MAIL | mail server for links: ``smtp``, ``smtps`` or ``smtp+starttls``, ``://user:password@host:port`` | none: no mail |
| OPENCETS_MAIL_FROM | sender of these mails | opencets@ and the host of OPENCETS_ADDRESS |
| OPENCETS_ADDRESS | where officers open this system, for the link in a mail | http://localhost:8000 |
| OPENCETS_PRIVATE_PROVIDERS | hosts of agencies' identity providers inside one's own network, comma separated | none |
| OPENCETS_PUSH | hosts of push services that take links, comma separated; ``*.`` in front takes all below | none: no web push |
| OPENCETS_REGION_MODEL | an ONNX embedding that puts the places of a mark in order; needs the optional part ``onnx`` | none |
| OPENCETS_TEXT | whose visible text is read: ``asked``, of cases for which an officer asks; ``all``; ``off`` | asked |
| OPENCETS_TEXT_RECOGNISER | dotted name of the class that reads words from pictures | the program ``tesseract`` |
| OPENCETS_TEXT_LANGUAGES | what it reads, by its own names joined by ``+``, such as eng+deu | all installed |
| OPENCETS_SIGHTINGS | folder of the ledger of sightings | ``sightings`` in the home |
| OPENCETS_SIGHTING_PLACES | folder of databases of places (.mmdb) and boundaries (.geojson) | ``places`` in the home |
| OPENCETS_ABSENT_SECONDS | seconds of silence after which a supervised device counts as absent | 60 |
| OPENCETS_WITHOUT_DATABASE | 1: for type checks and ``makemigrations`` on a machine without a server | 0 |
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from opencets_web.config.connection import Role, database, home

HOME: Path = home()
DEBUG = os.environ.get("OPENCETS_DEBUG") == "1"
HTTPS = os.environ.get("OPENCETS_HTTPS") == "1"
DB_ROLE: Role = cast("Role", os.environ.get("OPENCETS_DB_ROLE", "web"))


def _secret(name: str) -> str:
    """A random text kept in the home's secrets folder, made at first use, readable by its owner only."""
    path = HOME / "secrets" / name
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
                stream.write(secrets.token_urlsafe(48))
        except FileExistsError:
            pass
    return path.read_text()


SECRET_KEY = _secret("django-secret-key")
IDENTITY_KEY = _secret("identity-key")
PRIVATE_PROVIDERS = [
    host.strip().lower() for host in os.environ.get("OPENCETS_PRIVATE_PROVIDERS", "").split(",") if host.strip()
]
ALLOWED_HOSTS = os.environ.get("OPENCETS_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
ROOT_URLCONF = "opencets_web.config.urls"
ASGI_APPLICATION = "opencets_web.config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "opencets_web.ui",  # first: its templates are drawn instead of those that sign-in brings
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_htmx",
    "django_vite",
    "procrastinate.contrib.django",
    "opencets_web.accounts",
    "opencets_web.audit",
    "opencets_web.policy",
    "opencets_web.cases",
    "opencets_web.casework",
    "opencets_web.officers",
    "opencets_web.purposes",
    "opencets_web.federation",
    "opencets_web.evidence",
    "opencets_web.entities",
    "opencets_web.exposure",
    "opencets_web.media",
    "opencets_web.grading",
    "opencets_web.cameras",
    "opencets_web.videos",
    "opencets_web.marks",
    "opencets_web.texts",
    "opencets_web.leads",
    "opencets_web.charts",
    "opencets_web.patterns",
    "opencets_web.sharing",
    "opencets_web.standards",
    "opencets_web.inquiries",
    "opencets_web.disclosure",
    "opencets_web.deconfliction",
    "opencets_web.emergencies",
    "opencets_web.auditing",
    "opencets_web.sightings",
    "opencets_web.supervision",
    "opencets_web.releases",
    "opencets_web.push",
    "opencets_web.desk",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "opencets_web.config.middleware.security_headers",
    "opencets_web.config.middleware.refuse_nul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "opencets_web.policy.middleware.act_as_the_signed_in_officer",
    "opencets_web.evidence.addresses.SignedAddresses",
    "opencets_web.policy.middleware.ask_for_proof",
    "opencets_web.policy.middleware.ask_for_purpose",
    "opencets_web.policy.middleware.refusals_as_pages",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "opencets_web.ui.context_processors.page_frame",
            ],
        },
    }
]

if os.environ.get("OPENCETS_WITHOUT_DATABASE") == "1":
    DATABASES: dict[str, Any] = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "none"}}
else:
    DATABASES = {"default": database(DB_ROLE)}

AUTH_USER_MODEL = "accounts.Officer"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 14}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
SEALER = "opencets_web.evidence.field_keys.FieldKeys"
UI_LIVE_URL = "/live/"
UI_ROOM_COUNTS = "opencets_web.desk.counting.room_counts"
ACCOUNT_ADAPTER = "opencets_web.federation.doors.ProviderDoors"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_RATE_LIMITS = {
    "login_failed": "5/15m/key,50/15m/ip",
    "provider_find": "20/5m/ip",
    "provider_begin": "60/5m/ip",
}
MFA_ADAPTER = "opencets_web.policy.sign_in.SecondFactors"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "opencets_web.policy.sign_in.LoggedCodeForm",
    "add_webauthn": "opencets_web.policy.sign_in.NewPasskeyForm",
}
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_TOTP_ISSUER = "OpenCETS"
MFA_TOTP_TOLERANCE = 1

SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE_SECONDS = int(os.environ.get("OPENCETS_IDLE_SECONDS", "1800"))
SESSION_PROOF_SECONDS = 15 * 60
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "opencets_web.ui.errors.csrf_failure"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = False
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
DIST = Path(__file__).resolve().parent.parent / "ui" / "static" / "dist"
DJANGO_VITE = {
    "default": {
        "dev_mode": False,
        "manifest_path": DIST / "manifest.json",
        "static_url_prefix": "dist",
    }
}

FILE_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
REGION_MODEL = os.environ.get("OPENCETS_REGION_MODEL", "")
SIGHTINGS = os.environ.get("OPENCETS_SIGHTINGS") or str(HOME / "sightings")
SIGHTING_PLACES = os.environ.get("OPENCETS_SIGHTING_PLACES") or str(HOME / "places")
TEXT_MODE = os.environ.get("OPENCETS_TEXT", "asked")
TEXT_RECOGNISER = os.environ.get("OPENCETS_TEXT_RECOGNISER", "")
TEXT_LANGUAGES = os.environ.get("OPENCETS_TEXT_LANGUAGES", "")
if TEXT_MODE not in ("asked", "all", "off"):
    raise ImproperlyConfigured("OPENCETS_TEXT is asked, all or off.")
MAIL = urlsplit(os.environ.get("OPENCETS_MAIL", ""))
MAIL_ON = MAIL.scheme in ("smtp", "smtp+starttls", "smtps") and bool(MAIL.hostname)
MAIL_ADDRESS = os.environ.get("OPENCETS_ADDRESS", "http://localhost:8000").rstrip("/")
if os.environ.get("OPENCETS_MAIL") and not MAIL_ON:
    raise ImproperlyConfigured("OPENCETS_MAIL is smtp://, smtp+starttls:// or smtps://, then user:password@host:port.")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if MAIL_ON else 'console'}.EmailBackend"
EMAIL_HOST, EMAIL_PORT = MAIL.hostname or "", MAIL.port or {"smtps": 465, "smtp+starttls": 587}.get(MAIL.scheme, 25)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(MAIL.username or ""), unquote(MAIL.password or "")
EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL.scheme == "smtp+starttls", MAIL.scheme == "smtps"
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = os.environ.get("OPENCETS_MAIL_FROM", f"opencets@{urlsplit(MAIL_ADDRESS).hostname}")

PUSH_HOSTS = tuple(filter(None, os.environ.get("OPENCETS_PUSH", "").lower().replace(" ", "").split(",")))
PUSH_ON = bool(PUSH_HOSTS)
if any(not re.fullmatch(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*", host) or host == "*." for host in PUSH_HOSTS):
    raise ImproperlyConfigured(
        "OPENCETS_PUSH is host names with commas between, such as updates.push.services.mozilla.com."
    )

SERIES_TIES: tuple[str, ...] = tuple(f"opencets_web.{room}.ties.of_case" for room in ("marks", "cameras", "videos"))
"""Dotted names of functions (actor, case) that give ties between files for series: rooms that series themselves do not import."""
PROCRASTINATE_ON_APP_READY = "opencets_web.pipeline.on_app_ready"
PROCRASTINATE_IMPORT_PATHS = ["opencets_web.pipeline"]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"opencets": {"level": "INFO"}, "procrastinate": {"level": "WARNING"}},
}
