# The image of every deployable; they differ in SOURCE only:
#   docker build --build-arg SOURCE=services/wallet -t kurs/wallet:dev .
# SOURCE is a folder: services/api-gateway, services/payments, services/fx, services/wallet,
# services/risk or operator. `make images` builds them all.
ARG SOURCE=services/wallet
# The tag is for readers, the digest decides; docs/operations.md says how to renew it.
ARG BASE=python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE} AS build
ARG SOURCE
COPY requirements/build.txt /build/tools.txt
# In a folder of their own: what the base has installed stays as it is.
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes --target /opt/tools -r /build/tools.txt
ENV PATH=/opt/tools/bin:$PATH \
    UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
RUN uv venv /opt/kurs
# The locked requirements first: they change seldom, and their layer is the large one.
COPY requirements/${SOURCE}.txt /build/requirements.txt
RUN uv pip install --python /opt/kurs --require-hashes --compile-bytecode -r /build/requirements.txt
COPY libs/kurs /build/libs/kurs
COPY ${SOURCE} /build/${SOURCE}
# `service` is what `python -m <package>` would run, under one name for all, since an ENTRYPOINT
# in exec form takes no variables. The first process of a container is not ended by a signal that it
# has no handler for, which the package sets once it is imported: until then, it ends by this one.
# Build tools are not installed into the environment that ships.
RUN set -eu; package=$(basename "$(ls -d /build/${SOURCE}/src/*)"); \
    uv pip install --python /opt/kurs --no-deps --no-sources --build-constraints /build/tools.txt --compile-bytecode /build/libs/kurs /build/${SOURCE}; \
    printf '%s\n' 'import os, runpy, signal' '' \
      'signal.signal(signal.SIGTERM, lambda *_: os._exit(143))' \
      "runpy.run_module('$package', run_name='__main__', alter_sys=True)" > /opt/kurs/service

FROM ${BASE}
ARG SOURCE
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Kurs ${SOURCE}" \
      org.opencontainers.image.description="Kurs, a multi-currency payment gateway: ${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/kurs /opt/kurs
ENV PATH=/opt/kurs/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    KURS_HOST=
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /tmp
# `migrate` as an argument brings the service's database up to date.
ENTRYPOINT ["python", "/opt/kurs/service"]
