# Chart.js, as package-lock.json says
FROM node:22.14.0-bookworm-slim AS chart
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

# The Python packages
FROM python:3.11.11-slim-bookworm AS packages
COPY requirements.txt /build/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /build/requirements.txt

# What runs: web, collector, worker and beat, told apart by their command
FROM python:3.11.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/var/lib/engagement-conductor
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin engagement \
    && install --directory --owner engagement /var/lib/engagement-conductor
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
# The key that this makes stays in the folder that is deleted: the image holds no secret.
RUN DATA_DIR=/tmp/build python manage.py collectstatic --noinput --ignore "*.d.ts" --verbosity 0 \
    && rm -rf /tmp/build
USER engagement
EXPOSE 8000
CMD ["python", "-m", "engagement_conductor.web_server", "-b", "0.0.0.0", "-p", "8000", "engagement_conductor.asgi:application"]
