# Serves one bundle, without torch and without root: see README, "Serving".
FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 OMP_NUM_THREADS=1

WORKDIR /app
COPY constraints.txt docker-requirements.txt ./
RUN pip install --constraint constraints.txt --requirement docker-requirements.txt

# The packages alone: what training needs (torch and its company) stays out.
COPY pyproject.toml README.md LICENSE ./
COPY manifests manifests
COPY configs configs
COPY fasdata fasdata
COPY fastrain fastrain
RUN pip install --no-deps .

RUN useradd --system --no-create-home --uid 10001 serve
USER 10001:10001

# It listens on loopback unless it is given a token and a certificate; README says how to publish it.
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 8000), 4).close()"]
ENTRYPOINT ["fastrain", "serve"]
CMD ["/bundle/pad.fasb"]
