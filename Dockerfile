# The image of web, worker, beat and setup. Packages come by hash; nothing runs as root.
# Pin the base by digest at release: docker build --build-arg BASE=python:3.11-slim-bookworm@sha256:...
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/decisionos
COPY requirements/product.txt requirements/product.txt
RUN /opt/decisionos/bin/pip install --require-hashes --no-deps -r requirements/product.txt

FROM ${BASE} AS run
ENV PATH=/opt/decisionos/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DOS_DATA_DIR=/var/lib/decisionos
RUN groupadd --system --gid 10001 decisionos \
 && useradd --system --uid 10001 --gid decisionos --home-dir /var/lib/decisionos --shell /usr/sbin/nologin decisionos \
 && install -d -o decisionos -g decisionos -m 0750 /var/lib/decisionos
COPY --from=build /opt/decisionos /opt/decisionos
WORKDIR /app
COPY --chown=root:root . /app
RUN printf '#!/bin/sh\nexec python -m decisionos.dosctl "$@"\n' > /usr/local/bin/dosctl && chmod 0755 /usr/local/bin/dosctl
USER 10001:10001
VOLUME /var/lib/decisionos
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=40s --retries=4 \
  CMD ["python", "deploy/probe.py"]
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", \
     "--blocking-threads", "4", "decisionos.wsgi:application"]
