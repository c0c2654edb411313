# The same line for people who use containers: `docker compose up`.
# Debian forky is the first release with Asterisk 22, so nothing but packages is needed.
FROM debian:forky-slim

RUN apt-get update \
 && apt-get install -y --no-install-recommends asterisk ca-certificates python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/ivr
COPY requirements.lock ./
RUN python3 -m venv .venv \
 && .venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN .venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation -e .

# Everything that a run writes, the prompts and the voice included, lies in this one volume.
RUN useradd --system --home-dir /var/lib/ivr --create-home ivr
ENV IVR_HOME=/var/lib/ivr/home \
    IVR_AUDIO=/var/lib/ivr/generated_audio \
    XDG_CACHE_HOME=/var/lib/ivr/cache \
    PYTHONDONTWRITEBYTECODE=1
VOLUME /var/lib/ivr
USER ivr

HEALTHCHECK --start-period=15m \
  CMD python3 -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8329/healthz', timeout=5)"
CMD [".venv/bin/ivr", "run"]
