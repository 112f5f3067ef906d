"""Nothing is left: the images the demo built go first, then everything that could have stayed behind is looked for."""

from __future__ import annotations

from tests.demo.clients import Shell
from tests.demo.stage import DemoError

OWNER = "io.ecs-emulator.owner"
"""The label on whatever an emulator puts on the engine: `<machine>/<process id>/<start>`."""

LISTS = {
    "container": (("ps", "--all"), "{{.ID}}", ("rm", "--force", "--volumes")),
    "network": (("network", "ls"), "{{.ID}}", ("network", "rm")),
    "volume": (("volume", "ls"), "{{.Name}}", ("volume", "rm", "--force")),
}


def remove_images(shell: Shell, label: str) -> None:
    """Every image that carries the label, under whatever name it is known."""
    found = set(shell.run("docker", "image", "ls", "--quiet", "--filter", f"label={label}", shown=False).split())
    if found:
        shell.run("docker", "image", "rm", "--force", *sorted(found), shown=False)


def remains(shell: Shell, pid: int) -> dict[str, list[str]]:
    """What the emulator with that process id has on the engine, by kind."""
    found: dict[str, list[str]] = {}
    for kind, (listing, name, _) in LISTS.items():
        form = f'{name}\t{{{{.Label "{OWNER}"}}}}'
        rows = shell.run("docker", *listing, "--filter", f"label={OWNER}", "--format", form, shown=False).splitlines()
        owners = [row.split("\t") for row in rows]
        if ours := [identity for identity, owner in owners if owner.split("/")[-2:-1] == [str(pid)]]:
            found[kind] = ours
    return found


def sweep(shell: Shell, pid: int) -> None:
    """Removes what the emulator should have removed, and says that it did not."""
    if not (left := remains(shell, pid)):
        return
    for kind, names in left.items():
        shell.run("docker", *LISTS[kind][2], *names, shown=False)
    told = ", ".join(f"{len(names)} {kind}{'s' * (len(names) > 1)}" for kind, names in left.items())
    raise DemoError(f"the emulator left {told} behind; the demo has removed them")
