# mailvault's image: a wheel is made in the first stage and installed in the second; the last has
# neither compiler nor pip's cache, and runs as nobody in particular.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG RUST_IMAGE=rust:1.95-slim-bookworm

FROM ${RUST_IMAGE} AS wheel
# A wheel below dist/ that was made elsewhere, and is taken as it is.
ARG WHEEL
WORKDIR /src
COPY . .
# Debian's Python only runs maturin, in the version of the lock file; the wheel serves all from 3.11.
# jemalloc is built by make.
# hadolint ignore=DL3008
RUN if [ -n "$WHEEL" ]; then mkdir wheel && cp "$WHEEL" wheel/; exit; fi; \
    apt-get update \
    && apt-get install --yes --no-install-recommends make python3-venv \
    && python3 -m venv /opt/maturin \
    && sed -n '/^maturin==/,/# via/p' requirements.lock > maturin.lock \
    && /opt/maturin/bin/pip install --no-cache-dir --require-hashes --requirement maturin.lock \
    && /opt/maturin/bin/maturin build --release --locked --out wheel \
    && rm -rf target /var/lib/apt/lists/*

FROM ${PYTHON_IMAGE} AS install
# requirements-demo.lock has what `mailvault seed` needs besides.
ARG REQUIREMENTS=requirements-runtime.lock
COPY ${REQUIREMENTS} /requirements.lock
RUN python3 -m venv --without-pip /opt/mailvault \
    && python3 -m pip --python /opt/mailvault/bin/python install --no-cache-dir \
        --require-hashes --requirement /requirements.lock
COPY --from=wheel /src/wheel /wheel
RUN python3 -m pip --python /opt/mailvault/bin/python install --no-cache-dir --no-index --no-deps \
        /wheel/*.whl \
    && /opt/mailvault/bin/python -c 'import mailvault.cli, mailvault._rust'

FROM ${PYTHON_IMAGE}
ARG REVISION
LABEL org.opencontainers.image.title="mailvault" \
      org.opencontainers.image.description="Moves email bodies and attachments out of PostgreSQL and local disk into S3" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${REVISION}"
# Attachments are mounted at /files, and mailvault.toml into /etc/mailvault.
RUN groupadd --gid 10001 mailvault \
    && useradd --uid 10001 --gid mailvault --no-create-home --home-dir /etc/mailvault \
        --shell /usr/sbin/nologin mailvault \
    && mkdir /etc/mailvault /files \
    && chown mailvault:mailvault /files
COPY --from=install /opt/mailvault /opt/mailvault
ENV PATH=/opt/mailvault/bin:$PATH \
    MIGRATION_FILES_ROOT=/files
USER 10001:10001
WORKDIR /etc/mailvault
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["mailvault", "workers", "status"]
CMD ["mailvault", "work"]
