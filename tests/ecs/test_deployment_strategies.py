"""What CreateService and UpdateService refuse of a deployment that shifts traffic, and what they echo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ecs.running import refusal
from tests.simulation import Simulation

Document = dict[str, Any]

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:check"
ROLE = "arn:aws:iam::123456789012:role/hooks"
ELB = "arn:aws:elasticloadbalancing:us-east-1:123456789012"
BLUE, GREEN = f"{ELB}:targetgroup/blue/1", f"{ELB}:targetgroup/green/2"
RULE, TEST_RULE = f"{ELB}:listener-rule/app/web/1/2/3", f"{ELB}:listener-rule/app/web/1/2/4"
BLUE_GREEN: Document = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}
INVALID, UNSUPPORTED = "InvalidParameterException", "UnsupportedFeatureException"
LAMBDA: Document = {"hookTargetArn": FUNCTION, "roleArn": ROLE, "lifecycleStages": ["POST_SCALE_UP"]}
PAUSE: Document = {"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"]}


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulation]:
    found = Simulation(tmp_path, hooks=((FUNCTION, "http://127.0.0.1:1/"),))
    found.call("CreateCluster")
    ports = [{"containerPort": 80}]
    found.call(
        "RegisterTaskDefinition",
        family="web",
        containerDefinitions=[{"name": "app", "image": "app", "memory": 64, "portMappings": ports}],
    )
    yield found
    found.close()


def asked(configuration: Document, **more: Any) -> Document:
    return {
        "serviceName": "web",
        "taskDefinition": "web",
        "desiredCount": 0,
        "deploymentConfiguration": configuration,
        **more,
    }


def hooked(*hooks: Document) -> Document:
    return {**BLUE_GREEN, "lifecycleHooks": list(hooks)}


def balancer(**more: Any) -> Document:
    return {"targetGroupArn": BLUE, "containerName": "app", "containerPort": 80, **more}


def advanced(group: str = BLUE, **more: Any) -> Document:
    settings = {"alternateTargetGroupArn": GREEN, "productionListenerRule": RULE, "roleArn": ROLE, **more}
    return balancer(targetGroupArn=group, advancedConfiguration=settings)


REFUSED: list[tuple[Document, str]] = [
    ({"strategy": "PURPLE"}, "deployment strategy should be one of [ROLLING,BLUE_GREEN,LINEAR,CANARY]"),
    ({"strategy": "BLUE_GREEN"}, "bakeTimeInMinutes is required when the deployment strategy is BLUE_GREEN."),
    ({**BLUE_GREEN, "bakeTimeInMinutes": 1441}, "bakeTimeInMinutes must be between 0 and 1440."),
    (
        {**BLUE_GREEN, "linearConfiguration": {"stepPercent": 10.0}},
        "linearConfiguration is only valid when the deployment strategy is LINEAR.",
    ),
    (
        {"canaryConfiguration": {"canaryPercent": 5.0}},
        "canaryConfiguration is only valid when the deployment strategy is CANARY.",
    ),
    (
        {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 2.9}},
        "stepPercent must be a multiple of 0.1 between 3.0 and 100.0.",
    ),
    (
        {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 10.05}},
        "stepPercent must be a multiple of 0.1 between 3.0 and 100.0.",
    ),
    (
        {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.0}},
        "canaryPercent must be a multiple of 0.1 between 0.1 and 100.0.",
    ),
    (
        {"strategy": "CANARY", "canaryConfiguration": {"canaryBakeTimeInMinutes": 1441}},
        "canaryBakeTimeInMinutes must be between 0 and 1440.",
    ),
    (
        {**BLUE_GREEN, "earlySuccessCriteria": {"enable": True}},
        "earlySuccessCriteria is only valid when the deployment strategy is ROLLING.",
    ),
    (
        {"earlySuccessCriteria": {"enable": True, "healthyPercent": 100}},
        "healthyPercent and sourceServiceRevisionCleanup are required when earlySuccessCriteria is enabled.",
    ),
    (
        {
            "minimumHealthyPercent": 50,
            "earlySuccessCriteria": {
                "enable": True,
                "healthyPercent": 49,
                "sourceServiceRevisionCleanup": "BLOCKING",
            },
        },
        "healthyPercent must be between minimumHealthyPercent and 100.",
    ),
    (
        {"alarms": {"alarmNames": [], "enable": True, "rollback": True}},
        "alarmNames can not be empty when deployment alarms are enabled.",
    ),
    ({"lifecycleHooks": [PAUSE]}, "lifecycleHooks are not supported when the deployment strategy is ROLLING."),
    (hooked({**PAUSE, "targetType": "SNS"}), "targetType should be one of [AWS_LAMBDA,PAUSE]"),
    (hooked({"targetType": "PAUSE"}), "lifecycleStages can not be empty."),
    (hooked({**LAMBDA, "hookTargetArn": None}), "hookTargetArn is required for lifecycle hooks of type AWS_LAMBDA."),
    (hooked({**LAMBDA, "roleArn": None}), "roleArn is required for lifecycle hooks of type AWS_LAMBDA."),
    (
        hooked({**PAUSE, "roleArn": ROLE}),
        "hookTargetArn and roleArn are not allowed for lifecycle hooks of type PAUSE.",
    ),
    (
        hooked({**PAUSE, "lifecycleStages": ["POST_SCALE_UP", "PRODUCTION_TRAFFIC_SHIFT"]}),
        "PAUSE hooks cannot be configured at TEST_TRAFFIC_SHIFT or PRODUCTION_TRAFFIC_SHIFT stages.",
    ),
    (
        hooked({**LAMBDA, "timeoutConfiguration": {"timeoutInMinutes": 1441}}),
        "timeoutInMinutes must be between 1 and 20160 for PAUSE hooks, and between 1 and 1440 for AWS_LAMBDA hooks.",
    ),
    (
        hooked({**PAUSE, "timeoutConfiguration": {"timeoutInMinutes": 5, "action": "WAIT"}}),
        "timeoutConfiguration action should be one of [ROLLBACK,CONTINUE]",
    ),
    (hooked(*[PAUSE] * 11), "lifecycleHooks can have at most 10 hooks of type PAUSE."),
]


@pytest.mark.parametrize(("configuration", "message"), REFUSED, ids=[text[:60] for _, text in REFUSED])
def test_a_contradictory_configuration_is_refused(sim: Simulation, configuration: Document, message: str) -> None:
    assert refusal(sim, "CreateService", **asked(configuration)) == (INVALID, message)
    assert sim.call("ListServices")["serviceArns"] == []


@pytest.mark.parametrize(
    ("balancers", "message"),
    [
        (
            [balancer()],
            "advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy",
        ),
        (
            [advanced(), balancer(targetGroupArn=f"{ELB}:targetgroup/third/3")],
            "Either all or none of the provided loadBalancers must have advancedConfiguration defined",
        ),
        (
            [advanced(), {"loadBalancerName": "old", "containerName": "app", "containerPort": 80}],
            "All loadBalancers must be strictly either ELBv1 (defining loadBalancerName) or ELBv2 (defining targetGroupArn)",
        ),
        (
            [
                {
                    "loadBalancerName": "old",
                    "containerName": "app",
                    "containerPort": 80,
                    "advancedConfiguration": {"alternateTargetGroupArn": GREEN},
                }
            ],
            "advancedConfiguration field is not allowed with ELBv1 loadBalancers",
        ),
        (
            [advanced(productionListenerRule=f"{ELB}:listener/app/web/1/2")],
            "productionListenerRule has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. "
            f"Got: {ELB}:listener/app/web/1/2",
        ),
        (
            [advanced(testListenerRule=RULE)],
            f"The following rules cannot be used as both production and test listener rules: {RULE}",
        ),
        ([advanced("")], "targetGroupArn is required for loadBalancers with advancedConfiguration."),
        ([advanced(GREEN)], f"Duplicate targetGroupArn found: {GREEN}"),
    ],
)
def test_load_balancers_that_cannot_shift_traffic_are_refused(
    sim: Simulation, balancers: list[Document], message: str
) -> None:
    assert refusal(sim, "CreateService", **asked(BLUE_GREEN, loadBalancers=balancers)) == (INVALID, message)


@pytest.mark.parametrize("rule", [RULE, f"{ELB}:listener/net/web/1/2"])
def test_the_rule_of_a_balancer_and_the_listener_of_another_can_shift_traffic(sim: Simulation, rule: str) -> None:
    balancers = [advanced(productionListenerRule=rule, testListenerRule=TEST_RULE)]
    made = sim.call("CreateService", **asked(BLUE_GREEN, loadBalancers=balancers))["service"]
    assert made["loadBalancers"] == balancers


def resolved(sim: Simulation) -> Document:
    (service,) = sim.call("DescribeServices", services=["web"])["services"]
    arn = service["currentServiceRevisions"][0]["arn"]
    (revision,) = sim.call("DescribeServiceRevisions", serviceRevisionArns=[arn])["serviceRevisions"]
    (found,) = revision["resolvedConfiguration"]["loadBalancers"]
    return dict(found)


def test_each_revision_has_the_target_group_that_the_one_before_does_not_use(sim: Simulation) -> None:
    sim.call("CreateService", **asked(BLUE_GREEN, loadBalancers=[advanced()]))
    for expected in (BLUE, GREEN, BLUE):
        assert resolved(sim) == {"targetGroupArn": expected, "productionListenerRule": RULE}
        sim.advance(600)
        sim.call("UpdateService", service="web", forceNewDeployment=True)
    sim.advance(600)
    rolling = {"strategy": "ROLLING", "bakeTimeInMinutes": 0}
    sim.call("UpdateService", service="web", forceNewDeployment=True, deploymentConfiguration=rolling)
    assert resolved(sim)["targetGroupArn"] == GREEN


def test_a_daemon_shifts_no_traffic(sim: Simulation) -> None:
    words = asked(BLUE_GREEN, schedulingStrategy="DAEMON")
    del words["desiredCount"]
    code, message = refusal(sim, "CreateService", **words)
    assert code == INVALID
    assert message.startswith("The daemon scheduling strategy does not support the BLUE_GREEN deployment strategy.")


def test_a_function_that_nothing_stands_for_is_refused_with_the_flag_that_helps(sim: Simulation) -> None:
    other = FUNCTION.replace("check", "other")
    configuration = hooked({**LAMBDA, "hookTargetArn": other})
    text = f"There is no Lambda in this emulator. Start it with --hook {other}=<http URL> to have the lifecycle hook answered there."
    assert refusal(sim, "CreateService", **asked(configuration)) == (UNSUPPORTED, text)
    sim.call("CreateService", **asked(hooked(LAMBDA)))
    update = {"service": "web", "deploymentConfiguration": configuration}
    assert refusal(sim, "UpdateService", **update) == (UNSUPPORTED, text)


def test_the_defaults_are_echoed_and_kept(sim: Simulation) -> None:
    made = sim.call("CreateService", **asked({"strategy": "LINEAR"}))["service"]["deploymentConfiguration"]
    assert made["linearConfiguration"] == {"stepPercent": 10.0, "stepBakeTimeInMinutes": 6}
    assert made["bakeTimeInMinutes"] == 0
    steps = {"stepPercent": 25.5, "stepBakeTimeInMinutes": 0}
    changed = {"linearConfiguration": steps, "lifecycleHooks": [LAMBDA]}
    sim.call("UpdateService", service="web", deploymentConfiguration=changed)
    updated = sim.call("UpdateService", service="web", deploymentConfiguration={"maximumPercent": 150})["service"]
    assert updated["deploymentConfiguration"]["linearConfiguration"] == steps
    assert updated["deploymentConfiguration"]["lifecycleHooks"] == [{"targetType": "AWS_LAMBDA", **LAMBDA}]


def test_a_service_becomes_blue_green_with_a_bake_time_only(sim: Simulation) -> None:
    sim.call("CreateService", **asked({}))
    update = {"service": "web", "deploymentConfiguration": {"strategy": "BLUE_GREEN"}}
    code, message = refusal(sim, "UpdateService", **update)
    assert code == INVALID and message.startswith("bakeTimeInMinutes is required")
    sim.call("UpdateService", service="web", deploymentConfiguration=BLUE_GREEN)
    kept = sim.call("UpdateService", **update)["service"]["deploymentConfiguration"]
    assert (kept["strategy"], kept["bakeTimeInMinutes"]) == ("BLUE_GREEN", 5)


def test_what_code_deploy_kept_is_replaced_when_green_has_come(sim: Simulation) -> None:
    kept = {"deploymentController": {"type": "CODE_DEPLOY"}, "loadBalancers": [balancer()], "desiredCount": 2}
    sim.call("CreateService", **asked({}, **kept))
    sim.advance(60)
    old = {task.id for task in sim.tasks(last_status="RUNNING")}
    moved = {"deploymentController": {"type": "ECS"}, "deploymentConfiguration": BLUE_GREEN}
    sim.call("UpdateService", service="web", loadBalancers=[advanced()], **moved)
    sim.advance(60)
    running = {task.id for task in sim.tasks(last_status="RUNNING")}
    assert len(old) == len(running) == 2 and not old & running
    (service,) = sim.call("DescribeServices", services=["web"])["services"]
    assert [one["rolloutState"] for one in service["deployments"]] == ["COMPLETED"]
