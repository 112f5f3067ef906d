"""Clusters: a name, its settings, and counts that are always counted, never kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ecs_emulator.ecs import namespaces, resolve
from ecs_emulator.ecs.errors import (
    ClusterContainsCapacityProviderException,
    ClusterContainsContainerInstancesException,
    ClusterContainsServicesException,
    ClusterContainsTasksException,
    InvalidParameterException,
)
from ecs_emulator.records.capacity_providers import CapacityProvider, CapacityProviderStatus
from ecs_emulator.records.clusters import Cluster, ClusterStatus
from ecs_emulator.records.instances import ContainerInstance, InstanceStatus, Origin
from ecs_emulator.records.services import Service, ServiceStatus
from ecs_emulator.records.tasks import DesiredStatus, Task, TaskStatus
from ecs_emulator.rules import capacity, gateway_routes, machines, providers, resources, settings, tags
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import page

MOST_DESCRIBED = 100
INSIGHTS = ("enabled", "disabled", "enhanced")
LOGGING = ("NONE", "DEFAULT", "OVERRIDE")
CREATION = (
    "settings",
    "tags",
    "configuration",
    "capacityProviders",
    "defaultCapacityProviderStrategy",
    "serviceConnectDefaults",
)
MADE_HERE = (Origin.ON_DEMAND, Origin.SCALED)
"""Machines that nobody registered: they go with their cluster."""
REGISTERED = (InstanceStatus.ACTIVE, InstanceStatus.DRAINING)
COUNTED = (ServiceStatus.ACTIVE, ServiceStatus.DRAINING)

# The names of STATISTICS, in AWS's order, and which of the counts each is.
STATISTICS: tuple[tuple[str, str, str], ...] = (
    ("runningEC2TasksCount", "running", "EC2"),
    ("runningFargateTasksCount", "running", "FARGATE"),
    ("pendingEC2TasksCount", "pending", "EC2"),
    ("pendingFargateTasksCount", "pending", "FARGATE"),
    ("runningExternalTasksCount", "running", "EXTERNAL"),
    ("pendingExternalTasksCount", "pending", "EXTERNAL"),
    ("runningManagedInstancesTasksCount", "running", "MANAGED_INSTANCES"),
    ("pendingManagedInstancesTasksCount", "pending", "MANAGED_INSTANCES"),
    ("activeEC2ServiceCount", "active", "EC2"),
    ("activeFargateServiceCount", "active", "FARGATE"),
    ("drainingEC2ServiceCount", "draining", "EC2"),
    ("drainingFargateServiceCount", "draining", "FARGATE"),
    ("activeExternalServiceCount", "active", "EXTERNAL"),
    ("drainingExternalServiceCount", "draining", "EXTERNAL"),
    ("activeManagedInstancesServiceCount", "active", "MANAGED_INSTANCES"),
    ("drainingManagedInstancesServiceCount", "draining", "MANAGED_INSTANCES"),
)


# --- the operations -------------------------------------------------------------------------------


def create_cluster(call: Call, params: Params) -> Document:
    """Make a cluster, or find it again: the same name and the same arguments are the same cluster.

    Source: CreateCluster in the ECS API reference. Errors: InvalidParameterException.
    """
    name = params.get("clusterName", resolve.DEFAULT)
    if not resolve.CLUSTER_NAME.fullmatch(name):
        raise InvalidParameterException(r"ClusterName must match ^[a-zA-Z0-9\-_]{1,255}$")
    arn = call.world.arn("ecs", f"cluster/{name}")
    given = {member: params[member] for member in CREATION if params.get(member)}
    twin = call.get(Cluster, arn)
    if twin is not None and twin.status is not ClusterStatus.INACTIVE:
        if any(_unordered(twin.request.get(member)) != _unordered(value) for member, value in given.items()):
            raise InvalidParameterException(
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
            )
        return {"cluster": {**_made(call, twin), "tags": twin.request.get("tags", [])}}
    cluster = _asked_for(call, arn, name, given)
    call.put(cluster)
    return {"cluster": {**_made(call, cluster), "tags": tags.document(cluster.tags)}}


def describe_clusters(call: Call, params: Params) -> Document:
    """Clusters in the order asked for, each once; one that does not exist is a failure, not an error.

    Source: DescribeClusters in the ECS API reference. Errors: InvalidParameterException.
    """
    references = params.get("clusters") or [resolve.DEFAULT]
    if len(references) > MOST_DESCRIBED:
        raise InvalidParameterException(f"Clusters cannot have more than {MOST_DESCRIBED} elements")
    wanted = list(dict.fromkeys(resolve.cluster_arn(call, each) for each in references))
    found = {each.arn: each for each in _with_arns(call, wanted) if resolve.remembered(call, each)}
    include = frozenset(params.get("include") or ())
    counts = counted(call, list(found), statistics="STATISTICS" in include)
    return {
        "clusters": [_described(found[arn], counts[arn], include) for arn in wanted if arn in found],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in found],
    }


def list_clusters(call: Call, params: Params) -> Document:
    """The ARNs of all ACTIVE clusters, by name. Source: ListClusters in the ECS API reference."""

    def fetch(after: Sequence[object] | None, limit: int) -> list[tuple[str, str]]:
        return call.columns(
            Cluster,
            ("arn", "name"),
            account=call.world.account,
            region=call.world.region,
            status=ClusterStatus.ACTIVE,
            order="name",
            after=after,
            limit=limit,
        )

    found, token = page(call, params, fetch, lambda each: each[1], default=100, maximum=100)
    return {"clusterArns": [arn for arn, _ in found], "nextToken": token}


def update_cluster(call: Call, params: Params) -> Document:
    """Replace the parts that are given, and only those.

    Source: UpdateCluster in the ECS API reference. Errors: ClusterNotFoundException, ClientException,
    InvalidParameterException.
    """
    cluster = resolve.changeable_cluster(call, params)
    spec = dict(cluster.spec)
    if params.get("settings"):
        spec["settings"] = _settings(spec["settings"], params["settings"])
    if configuration := params.get("configuration"):
        _refuse_configuration(configuration)
        spec["configuration"] = {**spec.get("configuration", {}), **configuration}
    if (defaults := params.get("serviceConnectDefaults")) is not None:
        spec.pop("serviceConnectDefaults", None)
        spec.update(_service_connect(call, defaults))
    return _changed(call, replace(cluster, spec=spec))


def update_cluster_settings(call: Call, params: Params) -> Document:
    """Change the settings that are given.

    Source: UpdateClusterSettings in the ECS API reference. Errors: ClusterNotFoundException, ClientException,
    InvalidParameterException.
    """
    cluster = resolve.changeable_cluster(call, params)
    spec = {**cluster.spec, "settings": _settings(cluster.spec["settings"], params.get("settings") or ())}
    return _changed(call, replace(cluster, spec=spec))


def delete_cluster(call: Call, params: Params) -> Document:
    """Let go of an empty cluster; it is described as INACTIVE for a while. Twice is as good as once.

    Machines that placement made on demand do not block it, they go with it.
    Source: DeleteCluster in the ECS API reference. Errors: ClusterNotFoundException, ClusterContains…Exception.
    """
    cluster = resolve.cluster_named(call, params.get("cluster"))
    if cluster.status is ClusterStatus.INACTIVE:
        return {"cluster": {**document(call, cluster), "attachments": []}}
    _refuse_inhabited(call, cluster)
    for machine in call.find(ContainerInstance, cluster_arn=cluster.arn, status=REGISTERED):
        call.put(machines.deregistered(machine, call.now))
    gateway_routes.leave(call.tx, cluster)
    gone = replace(cluster, status=ClusterStatus.INACTIVE, deleted_at=call.now)
    call.put(gone)
    return {"cluster": document(call, gone)}


# --- what is asked for ----------------------------------------------------------------------------


def _asked_for(call: Call, arn: str, name: str, given: Mapping[str, Any]) -> Cluster:
    asked_settings = _settings([_insights_default(call)], given.get("settings", ()))
    asked_tags = tags.checked(given.get("tags", ()))
    spec: dict[str, Any] = {"settings": asked_settings}
    if configuration := given.get("configuration"):
        _refuse_configuration(configuration)
        spec["configuration"] = configuration
    if defaults := given.get("serviceConnectDefaults"):
        spec.update(_service_connect(call, defaults))
    asked = given.get("capacityProviders", ())
    own = resolve.capacity_providers(call, asked, arn)
    associated = capacity.associated(asked, {each.name for each in own})
    refuse_shared(call, arn, own)
    return Cluster(
        arn=arn,
        account=call.world.account,
        region=call.world.region,
        name=name,
        status=ClusterStatus.ACTIVE,
        created_at=call.now,
        spec=spec,
        capacity_providers=associated,
        default_strategy=capacity.strategy(given.get("defaultCapacityProviderStrategy", ()), associated),
        attachments=providers.attachments(own, (), call.ids),
        tags=asked_tags,
        request=dict(given),
    )


def default_cluster(call: Call, **given: Any) -> Cluster:
    """The cluster named `default`, made as CreateCluster's arguments say when it is needed and is not there."""
    arn = call.world.arn("ecs", f"cluster/{resolve.DEFAULT}")
    found = call.get(Cluster, arn)
    if found is None or found.status is ClusterStatus.INACTIVE:
        found = _asked_for(call, arn, resolve.DEFAULT, given)
        call.put(found)
    return found


def with_provider(call: Call, provider: CapacityProvider) -> list[Cluster]:
    """The ACTIVE clusters that have it: one at most for managed instances."""
    if provider.cluster_arn is not None:
        home = call.get(Cluster, provider.cluster_arn)
        found = [] if home is None or home.status is not ClusterStatus.ACTIVE else [home]
    else:
        world = call.world
        found = call.find(Cluster, account=world.account, region=world.region, status=ClusterStatus.ACTIVE)
    return [each for each in found if provider.name in each.capacity_providers]


def refuse_shared(call: Call, cluster_arn: str, new: Sequence[CapacityProvider]) -> None:
    """Raises InvalidParameterException where one of these is scaled for another cluster: it can serve only one."""
    for provider in new:
        if not providers.brings_machines(provider):
            continue
        if any(each.arn != cluster_arn for each in with_provider(call, provider)):
            raise InvalidParameterException(
                f"The capacity provider {provider.name} has managed scaling enabled and is already associated with "
                "another cluster. Specify a capacity provider that is not associated with another cluster and try again."
            )


def _insights_default(call: Call) -> dict[str, str]:
    value = settings.value_for(call.tx, call.world, "containerInsights", call.principal_arn)
    return {"name": "containerInsights", "value": value}


def _settings(current: list[dict[str, str]], asked: Collection[Mapping[str, str]]) -> list[dict[str, str]]:
    for each in asked:
        if each.get("name") != "containerInsights":
            raise InvalidParameterException("Invalid setting 'name'")
        if each.get("value") not in INSIGHTS:
            raise InvalidParameterException("Invalid setting 'value'")
    values = {each["name"]: each["value"] for each in (*current, *asked)}
    return [{"name": name, "value": value} for name, value in values.items()]


def _refuse_configuration(configuration: Mapping[str, Any]) -> None:
    execute = configuration.get("executeCommandConfiguration") or {}
    logging = execute.get("logging")
    destination = execute.get("logConfiguration")
    if logging is not None and logging not in LOGGING:
        raise InvalidParameterException(f"logging should be one of [{','.join(LOGGING)}]")
    if destination and logging != "OVERRIDE":
        raise InvalidParameterException("You must set logging to 'OVERRIDE' when you supply a log configuration.")
    named = (destination or {}).get("cloudWatchLogGroupName") or (destination or {}).get("s3BucketName")
    if logging == "OVERRIDE" and not named:
        raise InvalidParameterException(
            "A CloudWatch log group name or S3 bucket name must be specified when overriding the default log "
            "configuration."
        )


def _unordered(argument: Any) -> Any:
    """The same tags in another order are the same argument."""
    return sorted(argument, key=repr) if isinstance(argument, list) else argument


def _service_connect(call: Call, defaults: Mapping[str, str]) -> dict[str, Any]:
    """The default namespace by its ARN, and known from now on; the empty name removes it."""
    namespace = defaults.get("namespace", "")
    return {"serviceConnectDefaults": {"namespace": namespaces.known(call, namespace)}} if namespace else {}


def _changed(call: Call, cluster: Cluster) -> Document:
    call.put(cluster)
    return {"cluster": {**document(call, cluster), "attachments": [], **_attached(cluster)}}


def _refuse_inhabited(call: Call, cluster: Cluster) -> None:
    """The order is AWS's: tasks, services, container instances, capacity providers of its own."""
    if call.count(Task, cluster_arn=cluster.arn, last_status=resources.HOLDING):
        raise ClusterContainsTasksException()
    if call.count(Service, cluster_arn=cluster.arn, status=ServiceStatus.ACTIVE):
        raise ClusterContainsServicesException()
    machines_here = call.find(ContainerInstance, cluster_arn=cluster.arn, status=REGISTERED)
    if any(each.origin not in MADE_HERE for each in machines_here):
        raise ClusterContainsContainerInstancesException()
    if call.count(CapacityProvider, cluster_arn=cluster.arn, status=CapacityProviderStatus.ACTIVE):
        raise ClusterContainsCapacityProviderException()


# --- what is shown --------------------------------------------------------------------------------


@dataclass(slots=True)
class Counts:
    """What stands in one cluster now. `by_launch_type` counts (running | pending | active | draining, launch type)."""

    instances: int = 0
    by_launch_type: Counter[tuple[str, str]] = field(default_factory=Counter)

    def of(self, what: str) -> int:
        return sum(count for (counted, _), count in self.by_launch_type.items() if counted == what)


def counted(call: Call, cluster_arns: Sequence[str], *, statistics: bool = False) -> dict[str, Counts]:
    """The counts of each cluster: three queries however many they are. Draining services only with `statistics`.

    A task that was asked to stop is not counted any more, one in PROVISIONING already is.
    """
    found = {arn: Counts() for arn in cluster_arns}
    if not found:
        return found
    wanted = cluster_arns[0] if len(cluster_arns) == 1 else list(cluster_arns)
    tasks = call.tally(
        Task, ("cluster_arn", "last_status", "launch_type"), cluster_arn=wanted, desired_status=DesiredStatus.RUNNING
    )
    for (arn, status, launch_type), count in tasks.items():
        moment = TaskStatus(status)
        if moment is TaskStatus.RUNNING:
            found[arn].by_launch_type["running", launch_type] += count
        elif not moment.reached(TaskStatus.RUNNING):
            found[arn].by_launch_type["pending", launch_type] += count
    statuses: object = COUNTED if statistics else ServiceStatus.ACTIVE
    services = call.tally(Service, ("cluster_arn", "status", "launch_type"), cluster_arn=wanted, status=statuses)
    for (arn, status, launch_type), count in services.items():
        found[arn].by_launch_type[status.lower(), launch_type] += count
    for (arn,), count in call.tally(ContainerInstance, ("cluster_arn",), cluster_arn=wanted, status=REGISTERED).items():
        found[arn].instances = count
    return found


def document(call: Call, cluster: Cluster) -> Document:
    """The cluster as operations that change it answer: settings and configuration shown, tags and statistics empty."""
    counts = counted(call, [cluster.arn])[cluster.arn]
    return _described(cluster, counts, frozenset({"SETTINGS", "CONFIGURATIONS"}))


def _described(cluster: Cluster, counts: Counts, include: Collection[str]) -> Document:
    found: Document = {
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": cluster.status,
        "registeredContainerInstancesCount": counts.instances,
        "runningTasksCount": counts.of("running"),
        "pendingTasksCount": counts.of("pending"),
        "activeServicesCount": counts.of("active"),
        "statistics": [],
        "tags": [],
        "settings": [],
        "capacityProviders": cluster.capacity_providers,
        "defaultCapacityProviderStrategy": cluster.default_strategy,
    }
    if "serviceConnectDefaults" in cluster.spec:
        found["serviceConnectDefaults"] = cluster.spec["serviceConnectDefaults"]
    for name in include:
        if show := _INCLUDES.get(name):
            found.update(show(cluster, counts))
    return found


def _statistics(counts: Counts) -> list[dict[str, str]]:
    return [{"name": name, "value": str(counts.by_launch_type[what, kind])} for name, what, kind in STATISTICS]


_INCLUDES: Mapping[str, Callable[[Cluster, Counts], Document]] = {
    "SETTINGS": lambda cluster, counts: {"settings": cluster.spec["settings"]},
    "CONFIGURATIONS": lambda cluster, counts: {
        name: value for name, value in cluster.spec.items() if name == "configuration"
    },
    "TAGS": lambda cluster, counts: {"tags": tags.document(cluster.tags)},
    "STATISTICS": lambda cluster, counts: {"statistics": _statistics(counts)},
    "ATTACHMENTS": lambda cluster, counts: {"attachments": [], **_attached(cluster)},
}


def _made(call: Call, cluster: Cluster) -> Document:
    """The cluster as CreateCluster answers: its attachments are still to come, if there are any."""
    found = document(call, cluster)
    if cluster.attachments:
        made = providers.as_changed(cluster.attachments, ())
        found |= {"attachments": made, "attachmentsStatus": "UPDATE_IN_PROGRESS"}
    return found


def _attached(cluster: Cluster) -> Document:
    """What its capacity providers brought along. Attaching takes no time here: what is not new is complete."""
    if not cluster.attachments:
        return {}
    return {"attachments": cluster.attachments, "attachmentsStatus": "UPDATE_COMPLETE"}


def _with_arns(call: Call, wanted: list[str]) -> list[Cluster]:
    if len(wanted) > 1:
        return call.find(Cluster, arn=wanted)
    found = call.get(Cluster, wanted[0])
    return [] if found is None else [found]
