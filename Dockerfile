# Pinned by tag or, so that their contents cannot change, by digest: NAME:TAG@sha256:...
ARG NODE_IMAGE=node:22.14.0-bookworm-slim
ARG PYTHON_IMAGE=python:3.11.11-slim-bookworm

# Chart.js, as pinned in package-lock.json
FROM ${NODE_IMAGE} AS chart
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

# The Python packages
FROM ${PYTHON_IMAGE} AS packages
COPY requirements-build.lock requirements.lock /build/
# Only packages with a hash in the locks. The installer is not needed afterwards and is removed.
RUN python -m venv /opt/venv \
    && for lock in requirements-build requirements; do \
        /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-build-isolation \
            --require-hashes --only-binary=:all: --no-binary=django-timescaledb -r "/build/$lock.lock" || exit 1; \
    done \
    && /opt/venv/bin/python -m pip uninstall --yes --quiet setuptools pip

# The image of web, collector, worker and beat, which differ in their command
FROM ${PYTHON_IMAGE}
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/var/lib/engagement-conductor
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin engagement \
    && install --directory --mode 0700 --owner engagement /var/lib/engagement-conductor
WORKDIR /app
COPY --from=packages /opt/venv /opt/venv
COPY manage.py ./
COPY engagement_conductor engagement_conductor
COPY sessions_app sessions_app
COPY anomalies_app anomalies_app
COPY dashboard dashboard
COPY templates templates
COPY static static
COPY --from=chart /build/node_modules/chart.js/dist node_modules/chart.js/dist
# The secret key that this generates is deleted with its folder: the image contains no secret.
RUN DATA_DIR=/tmp/build python manage.py collectstatic --noinput --ignore "*.d.ts" --verbosity 0 \
    && rm -rf /tmp/build
USER engagement
EXPOSE 8000
CMD ["python", "-m", "engagement_conductor.web_server", "-b", "0.0.0.0", "-p", "8000", "engagement_conductor.asgi:application"]
