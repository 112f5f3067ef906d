# The emulator in a container of its own, driving the engine whose socket it is given:
#
#   make wheels && docker build -t ecs-emulator .
#   docker run --rm -p 127.0.0.1:4566:4566 -v /var/run/docker.sock:/var/run/docker.sock ecs-emulator
#
# At its end it removes what it made; to keep the state and the tasks, give it a volume:
#
#   docker run … -e ECS_EMULATOR_EPHEMERAL=0 -v ecs-emulator:/var/lib/ecs-emulator ecs-emulator
#
# The build needs no network beyond its base: `make wheels` has put everything into dist/. Any base with Python 3.11 or later and
# its venv module serves (`--build-arg BASE=…`), with wheels made for its Python (`make wheels PYTHON_VERSION=3.11`).
ARG BASE=python:3.13-slim

FROM ${BASE} AS installed
COPY dist/ /dist/
RUN python3 -m venv /opt/ecs-emulator \
    && /opt/ecs-emulator/bin/python -m pip install --no-cache-dir --no-index --find-links /dist ecs-emulator \
    && /opt/ecs-emulator/bin/python -m pip uninstall --yes --quiet pip

FROM ${BASE}
COPY --from=installed /opt/ecs-emulator /opt/ecs-emulator
ENV PATH=/opt/ecs-emulator/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ECS_EMULATOR_HOST=0.0.0.0 \
    ECS_EMULATOR_EPHEMERAL=1 \
    ECS_EMULATOR_DATA_DIR=/var/lib/ecs-emulator
EXPOSE 4566
ENTRYPOINT ["ecs-emulator"]
CMD ["serve"]
