"""Django settings. Whatever differs between installations comes from the environment."""

from datetime import timedelta
from urllib.parse import urlsplit

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from engagement_conductor.configuration import env
from engagement_conductor.configuration.server_urls import parse_database_url, parse_redis_url
from engagement_conductor.logs import formats

BASE_DIR = env.BASE_DIR
DATA_DIR = env.data_dir()

PORT = env.read_integer("PORT", 8000, 1, 65535)
PUBLIC_URL = env.read_string("PUBLIC_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
_public = urlsplit(PUBLIC_URL)
SECURE = _public.scheme == "https"

DEBUG = env.read_boolean("DEBUG", False)
SECRET_KEY = env.read_secret("SECRET_KEY", generate=not SECURE)
# Gives a monitoring system access to /metrics and the details of /health. Without it, only admins
# have access.
METRICS_TOKEN = env.read_optional_secret("METRICS_TOKEN")
API_REQUESTS_PER_MINUTE = env.read_integer("API_REQUESTS_PER_MINUTE", 600, 1, 1_000_000)
ALLOWED_HOSTS = sorted(
    {_public.hostname or "localhost", "127.0.0.1", "localhost", *env.read_list("ALLOWED_HOSTS", [])}
)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "channels",
    "sessions_app",
    "anomalies_app",
    "dashboard",
    "engagement_conductor",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "dashboard.http.middleware.ContentSecurityPolicyMiddleware",
    # Before any middleware that may refuse a request, so that refusals carry the header, too.
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dashboard.http.addresses.RefuseUnreadableMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "axes.middleware.AxesMiddleware",  # last: it replaces the response to a refused login
]
ROOT_URLCONF = "engagement_conductor.urls"
ASGI_APPLICATION = "engagement_conductor.asgi.application"
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
            ]
        },
    }
]

# Servers; without these variables, the embedded ones that `make up` starts.
DATABASE_URL = env.read_string("DATABASE_URL", "") or env.embedded_url("database")
REDIS_URL = parse_redis_url(
    env.read_string("REDIS_URL", "") or env.embedded_url("redis") or "redis://127.0.0.1:6379/0"
)
# For streams and shards where one server is not enough: URLs of some nodes of a Redis Cluster.
REDIS_CLUSTER_URL = ",".join(
    parse_redis_url(url, "REDIS_CLUSTER_URL") for url in env.read_list("REDIS_CLUSTER_URL", [])
)
DATABASES = {
    "default": {
        **parse_database_url(DATABASE_URL or "postgresql://127.0.0.1/engagement_conductor"),
        "ENGINE": "engagement_conductor.database",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
# psycopg waits forever by default; no call here may.
DATABASE_LOCK_MS = env.read_integer("DATABASE_LOCK_MS", 10_000, 100, 30_000)
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": "5",
    "options": f"-c statement_timeout=30000 -c lock_timeout={DATABASE_LOCK_MS}",
    **DATABASES["default"]["OPTIONS"],
}
TIMESCALEDB_REQUIRED = env.read_boolean("TIMESCALEDB_REQUIRED", False)
REDIS_SOCKET_TIMEOUT = timedelta(seconds=10)
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            # One retry replaces a dead connection; more would delay the scorer.
            "hosts": [
                {
                    "address": REDIS_URL,
                    "socket_timeout": 5,
                    "socket_connect_timeout": 5,
                    "health_check_interval": 15,
                    "retry": Retry(NoBackoff(), 1),
                    # The default reads the library's version from disk for every new connection.
                    "driver_info": None,
                }
            ],
            "prefix": "engagement:layer",
        },
    }
}

# Collecting and scoring. The constants of the product itself (tick, window, weights) are in
# sessions_app.ticks, sessions_app.scoring.score and on the Event model.
COLLECTOR_BATCH_SIZE = env.read_integer("COLLECTOR_BATCH_SIZE", 5_000, 1, 50_000)
# Limits against floods of new sessions; sessions that are already live are unaffected.
MAX_LIVE_SESSIONS = env.read_integer("MAX_LIVE_SESSIONS", 250_000, 16, 10_000_000)
MAX_LIVE_SESSIONS_PER_EVENT = env.read_integer(
    "MAX_LIVE_SESSIONS_PER_EVENT", 120_000, 16, 10_000_000
)
# Per web process.
MAX_REQUESTS_AT_ONCE = env.read_integer("MAX_REQUESTS_AT_ONCE", 24, 4, 1_000)
MAX_SOCKETS_PER_USER = env.read_integer("MAX_SOCKETS_PER_USER", 3_000, 1, 1_000_000)
STREAM_RETENTION = timedelta(
    minutes=env.read_integer("STREAM_RETENTION_MINUTES", 0, 0, 60 * 24 * 365)
)  # 0: never trim, because other systems may read the same streams
METRIC_RETENTION = timedelta(days=env.read_integer("METRIC_RETENTION_DAYS", 0, 0, 36_500))
# Which calibration the detector uses; `manage.py calibrate_detector` creates others.
DETECTOR_CALIBRATION = env.read_string("DETECTOR_CALIBRATION", "built-in")

CELERY_BROKER_URL = REDIS_URL

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# Password guessing is blocked per name and network, so that nobody can lock out users elsewhere.
# Guessing from many networks is slowed down, see dashboard/http/login_pauses.py. Attempts are kept
# in the database, which a login needs anyway, so an outage of Redis locks out nobody.
AXES_HANDLER = "dashboard.http.login_handler.LoginHandler"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=5)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "dashboard.http.logins.refuse_login"
AXES_CLIENT_IP_CALLABLE = "dashboard.http.logins.client_network"
AXES_ALLOWED_CORS_ORIGINS = PUBLIC_URL
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
TRUSTED_PROXIES = env.read_integer("TRUSTED_PROXIES", 1 if SECURE else 0, 0, 10)
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
CHART_DIR = BASE_DIR / "node_modules" / "chart.js" / "dist"
STATICFILES_DIRS = [
    BASE_DIR / "static",
    *([("vendor/chart.js", CHART_DIR)] if CHART_DIR.is_dir() else []),
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "dashboard.http.static_files.ModuleStaticFilesStorage"
    },
}

SESSION_ENGINE = "dashboard.http.login_store"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_NAME = "engagement_session"
CSRF_COOKIE_NAME = "engagement_csrf"
SECURE_SSL_REDIRECT = SECURE
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
# Preloading puts the whole domain on a list built into browsers, and removal takes months.
SECURE_HSTS_PRELOAD = SECURE and env.read_boolean("HSTS_PRELOAD", False)
# This check asks for preloading in every deployment.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# No form is longer, and the web server accepts no longer request.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "fields": {"()": "engagement_conductor.logs.formats.ContextFilter"},
    },
    "formatters": {
        formats.TEXT: {"()": "engagement_conductor.logs.formats.TextFormatter"},
        formats.JSON: {"()": "engagement_conductor.logs.formats.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "()": "engagement_conductor.logs.formats.OutageHandler",
            "filters": ["fields"],
            "formatter": env.read_choice("LOG_FORMAT", formats.TEXT, (formats.TEXT, formats.JSON)),
        }
    },
    "root": {
        "handlers": ["console"],
        "level": env.read_choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
    },
    "loggers": {
        # Two lines for every successful task would be 200,000 a day.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        # It logs who signs in from where, and the posted form.
        "axes": {"level": "ERROR"},
    },
}
