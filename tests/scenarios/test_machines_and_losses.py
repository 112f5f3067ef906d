"""What befalls services on real containers: machines that drain or go, tasks that are guarded, interrupted, or made to fail."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.scenarios.cluster import ON_FARGATE, Cluster, Document, container_of
from tests.scenarios.engine import Witness
from tests.scenarios.server import command
from tests.scenarios.waiting import eventually

pytestmark = pytest.mark.engine

MANAGED: Document = {
    "infrastructureRoleArn": "arn:aws:iam::123456789012:role/ecs",
    "instanceLaunchTemplate": {
        "ec2InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/ecs",
        "networkConfiguration": {"subnets": ["subnet-0a1b2c3d"]},
    },
}


def say(cluster: Cluster, *words: str) -> str:
    """A command typed at the cluster's server; what it printed."""
    done = command(*words, "--endpoint", cluster.server.endpoint)
    assert done.returncode == 0, done.stderr
    return done.stdout


def machines(cluster: Cluster, count: int) -> list[str]:
    return say(cluster, "instances", "add", "--cluster", cluster.name, "--count", str(count)).split()


def served(cluster: Cluster, engine: Witness) -> list[str]:
    return engine.served(cluster.server.id, cluster.name)


def places(cluster: Cluster, engine: Witness) -> dict[str, str]:
    """The task on each machine, of those whose container runs."""
    arns = served(cluster, engine)
    return {cluster.task(arn)["containerInstanceArn"]: arn for arn in arns}


def on_machines(cluster: Cluster, **asked: object) -> None:
    """A service of tasks that have no network of their own."""
    definition = cluster.register(cluster.container(), networkMode="bridge")
    asked = {"taskDefinition": definition, "launchType": "EC2", "serviceName": "web", **asked}
    cluster.ecs.create_service(cluster=cluster.name, **asked)


def test_a_daemon_service_leaves_a_machine_that_drains_and_comes_back(cluster: Cluster, engine: Witness) -> None:
    first, second = machines(cluster, 2)
    on_machines(cluster, schedulingStrategy="DAEMON")
    eventually("one on each", lambda: set(places(cluster, engine)) == {first, second})
    stays = places(cluster, engine)[second]

    asked = {"cluster": cluster.name, "containerInstances": [first]}
    cluster.ecs.update_container_instances_state(**asked, status="DRAINING")
    eventually("one only", lambda: places(cluster, engine) == {second: stays})
    assert cluster.stable()["desiredCount"] == 1
    cluster.ecs.update_container_instances_state(**asked, status="ACTIVE")
    eventually("one on each again", lambda: set(places(cluster, engine)) == {first, second})
    assert places(cluster, engine)[second] == stays
    (third,) = machines(cluster, 1)
    eventually("one on the newcomer", lambda: set(places(cluster, engine)) == {first, second, third})
    assert len(served(cluster, engine)) == 3


def test_a_daemon_runs_beside_what_a_managed_instance_was_made_for(cluster: Cluster, engine: Witness) -> None:
    name = f"managed-{cluster.name}"
    made = cluster.ecs.create_capacity_provider(name=name, cluster=cluster.name, managedInstancesProvider=MANAGED)
    provider = made["capacityProvider"]["capacityProviderArn"]
    definition = cluster.register(cluster.container(), requiresCompatibilities=["MANAGED_INSTANCES"])
    strategy = {"capacityProviderStrategy": [{"capacityProvider": name}]}
    asked = {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d"]}}, **strategy}
    answer = cluster.ecs.run_task(cluster=cluster.name, taskDefinition=definition, **asked)
    task = answer["tasks"][0]["taskArn"]
    machine = cluster.running(task)["containerInstanceArn"]

    agent = cluster.container(name="agent")
    registered = cluster.ecs.register_daemon_task_definition(family=cluster.name, containerDefinitions=[agent])
    daemon = cluster.ecs.create_daemon(
        daemonName="agent",
        clusterArn=cluster.name,
        daemonTaskDefinitionArn=registered["daemonTaskDefinitionArn"],
        capacityProviderArns=[provider],
    )

    def agents() -> list[str]:
        return [arn for arn, name in engine.running(cluster.server.id) if name == "agent"]

    (mine,) = eventually("the daemon", agents)
    assert cluster.task(mine)["containerInstanceArn"] == machine
    deployed = [daemon["deploymentArn"]]

    def status() -> str:
        found = cluster.ecs.describe_daemon_deployments(daemonDeploymentArns=deployed)["daemonDeployments"]
        return str(found[0]["status"])

    eventually("its deployment", lambda: status() == "SUCCESSFUL")
    engine.kill(mine, "agent")
    (again,) = eventually("its successor", lambda: [arn for arn in agents() if arn != mine])
    assert cluster.task(again)["containerInstanceArn"] == machine
    cluster.ecs.delete_daemon(daemonArn=daemon["daemonArn"])
    eventually("nothing of it", lambda: not agents())


def test_a_protected_task_outlives_the_others(cluster: Cluster, engine: Witness) -> None:
    on_machines(cluster, desiredCount=3)
    cluster.stable()
    guarded, *others = sorted(cluster.tasks(serviceName="web"))
    asked = {"cluster": cluster.name, "tasks": [guarded]}
    answer = cluster.ecs.update_task_protection(**asked, protectionEnabled=True, expiresInMinutes=5)
    assert [one["protectionEnabled"] for one in answer["protectedTasks"]] == [True]
    cluster.ecs.update_service(cluster=cluster.name, service="web", desiredCount=0)
    cluster.stopped(*others)
    told = cluster.event("was unable to reach steady state because task set (")
    assert told.endswith("Reason: The number of protected tasks are more than the desired count of tasks.")
    assert served(cluster, engine) == [guarded]
    cluster.ecs.update_task_protection(**asked, protectionEnabled=False)
    cluster.stopped(guarded)
    eventually("nothing", lambda: not served(cluster, engine))


def test_the_capacity_of_a_spot_task_is_taken_away_with_a_warning(cluster: Cluster, engine: Witness) -> None:
    cluster.ecs.put_cluster_capacity_providers(
        cluster=cluster.name, capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[]
    )
    script = "trap 'echo warned; exit 5' TERM; sleep 1000 & wait $!"
    definition = cluster.register(cluster.logging(script))
    spot = {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]}
    answer = cluster.ecs.run_task(
        cluster=cluster.name,
        taskDefinition=definition,
        networkConfiguration=ON_FARGATE["networkConfiguration"],
        **spot,
    )
    (task,) = (one["taskArn"] for one in answer["tasks"])
    assert cluster.running(task)["capacityProviderName"] == "FARGATE_SPOT"
    say(cluster, "interrupt", task)
    ended = cluster.stopped(task)
    assert (ended["stopCode"], ended["stoppedReason"]) == ("SpotInterruption", "Your Spot Task was interrupted.")
    assert container_of(ended)["exitCode"] == 5
    assert cluster.said(task, "warned") == ["warned"]
    assert engine.containers(running=True, task=task) == []


def test_a_crash_to_order_befalls_a_service_as_often_as_it_was_said(cluster: Cluster, engine: Witness) -> None:
    on_machines(cluster, desiredCount=1)
    cluster.stable()
    service = cluster.service()["serviceArn"]
    fault = say(cluster, "fault", "add", "crash", "--cluster", cluster.name, "--service", service, "--count", "1")
    assert fault.startswith("fault-")
    (struck,) = eventually("its victim", lambda: cluster.tasks(desiredStatus="STOPPED"))
    ended = cluster.stopped(struck)
    assert (ended["stopCode"], container_of(ended)["exitCode"]) == ("EssentialContainerExited", 137)
    eventually("its successor", lambda: len(served(cluster, engine)) == 1)
    assert cluster.stable()["runningCount"] == 1
    assert fault.split()[0] not in say(cluster, "fault", "list")


def test_a_machine_that_is_deregistered_by_force_takes_its_tasks_with_it(cluster: Cluster, engine: Witness) -> None:
    first, second = machines(cluster, 2)
    on_machines(cluster, desiredCount=2)
    cluster.stable()
    here = places(cluster, engine)
    assert set(here) == {first, second}
    asked = {"cluster": cluster.name, "containerInstance": first}
    with pytest.raises(ClientError, match="Found running tasks on the instance"):
        cluster.ecs.deregister_container_instance(**asked)
    gone = cluster.ecs.deregister_container_instance(**asked, force=True)["containerInstance"]
    assert gone["status"] == "INACTIVE"
    ended = cluster.stopped(here[first])
    assert ended["stoppedReason"] == "Container instance deregistration forced by user"
    eventually("two on the other", lambda: len(served(cluster, engine)) == 2)
    assert set(places(cluster, engine)) == {second}
    assert here[second] in served(cluster, engine)
    assert cluster.stable()["runningCount"] == 2
