"""The elastic network interface of an awsvpc task is a container that does nothing but hold a network for the others.

Source: the pause container of amazon-ecs-agent; here the engine's own bridge takes the place of the CNI plugins.
"""

from __future__ import annotations

from ecs_emulator.agent import translate
from ecs_emulator.agent.docker import pause
from ecs_emulator.agent.docker.engine import Engine, Refused
from ecs_emulator.agent.docker.networks import NoNetwork, VpcNetwork
from ecs_emulator.agent.names import Identity, container_name
from ecs_emulator.clock import Clock
from ecs_emulator.control.plan import PAUSE, Connected, Disconnected, Failed, Observation, TaskSlice

FAILED = "ContainerNetworkingError: container resource provisioning: failed to setup network namespace: "


class Interfaces:
    """Gives a task its network and takes it away. Lives as long as the server; safe from any thread."""

    def __init__(self, engine: Engine, clock: Clock, identity: Identity, network: VpcNetwork) -> None:
        self._engine = engine
        self._clock = clock
        self._identity = identity
        self._network = network
        self.raises_files: bool | None = None
        """Whether the engine can give Fargate's limit of open files: the first pause container of a Fargate task tells."""

    def connect(self, slice: TaskSlice) -> Observation:
        """A running pause container, and the address that the engine gave it."""
        try:
            pause_id = self._running(slice)
        except (NoNetwork, Refused) as trouble:
            self._engine.remove(self._name(slice))
            return Failed(slice.task.arn, PAUSE, FAILED + str(trouble), self._clock.now())
        inspected = self._engine.inspect(pause_id)
        networks = inspected["NetworkSettings"]["Networks"].values() if inspected is not None else ()
        address, mac = next(((one["IPAddress"], one["MacAddress"]) for one in networks), ("", ""))
        if inspected is None or not address:
            return Failed(slice.task.arn, PAUSE, FAILED + "the pause container has ended", self._clock.now())
        if translate.FARGATE_FILES in (inspected["HostConfig"].get("Ulimits") or ()):  # one from before says nothing
            self.raises_files = True
        return Connected(slice.task.arn, pause_id, address, mac or _mac(address), self._clock.now())

    def disconnect(self, slice: TaskSlice) -> Observation:
        """The pause container goes, recorded or not, and its address with it."""
        self._engine.remove(self._name(slice))
        return Disconnected(slice.task.arn, self._clock.now())

    def _running(self, slice: TaskSlice) -> str:
        """The id of the task's pause container, which runs. What was removed behind our back is made again, once."""
        try:
            return self._started(slice)
        except Refused as refused:
            if "rlimit" in refused.text:  # only a trial meets it, and several may be under way
                self.raises_files = False
            elif "network" in refused.text and refused.missing:
                self._network.forget()
            else:
                raise
        self._engine.remove(self._name(slice))
        return self._started(slice)

    def _started(self, slice: TaskSlice) -> str:
        image = pause.for_machine(self._engine.machine())
        body = translate.pause_body(
            slice, translate.Facts(self._identity, network=self._network.id(), pause_image=image.id)
        )
        if slice.task.launch_type == "FARGATE" and self.raises_files is None:
            body["HostConfig"]["Ulimits"] = [translate.FARGATE_FILES]
        try:
            pause_id = self._engine.create_once(self._name(slice), body)
        except Refused as refused:
            if not refused.missing:
                raise
            pause.load(self._engine, image)
            pause_id = self._engine.create_once(self._name(slice), body)
        self._engine.start(pause_id)
        return pause_id

    def _name(self, slice: TaskSlice) -> str:
        return container_name(slice, PAUSE, self._identity)


def _mac(address: str) -> str:
    """What the engine gives an endpoint of this address: `02:42:` and its four bytes."""
    return "02:42:" + ":".join(f"{int(part):02x}" for part in address.split("."))
