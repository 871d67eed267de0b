# Runs the demo or the local stack where neither Linux nor macOS is at hand:
#   docker build -t driftguard .
#   docker run --rm -t driftguard                                            the demo
#   docker run --rm -t --network host driftguard make local PORT=3000        the stack (Linux)
FROM python:3.13-slim
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home driftguard
USER driftguard
WORKDIR /home/driftguard/project
COPY --chown=driftguard . .
RUN make build
CMD ["make", "demo"]
