"""Someone in CodeDeploy's place: the four calls of `aws ecs deploy`, each deployment done at once with task sets, as CodeDeploy does it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.scenarios.aws_ecs.prompt import Prompt

DEPLOYMENT = "d-ABCDEFGHI"
NO_WAIT = {
    "deploymentReadyOption": {"waitTimeInMinutes": 0},
    "terminateBlueInstancesOnDeploymentSuccess": {"terminationWaitTimeInMinutes": 0},
}


@contextmanager
def codedeploy(aws: Prompt, service: str) -> Iterator[str]:
    """Its address, while it stands in for the service of the cluster `default`."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps(
                answered(aws, service, self.headers["X-Amz-Target"].rpartition(".")[2], request)
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *words: object) -> None:
            """Silent: the test tells what went wrong."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def answered(aws: Prompt, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    match operation:
        case "GetApplication":
            return {"application": {"applicationName": request["applicationName"], "computePlatform": "ECS"}}
        case "GetDeploymentGroup":
            services = [{"clusterName": "default", "serviceName": service}]
            group = {"computePlatform": "ECS", "ecsServices": services, "blueGreenDeploymentConfiguration": NO_WAIT}
            return {"deploymentGroupInfo": group}
        case "CreateDeployment":
            replace(aws, service, json.loads(request["revision"]["appSpecContent"]["content"]))
            return {"deploymentId": DEPLOYMENT}
    return {"deploymentInfo": {"deploymentId": request["deploymentId"], "status": "Succeeded"}}


def replace(aws: Prompt, service: str, appspec: dict[str, Any]) -> None:
    """A green task set of the definition that the appspec names takes the place of the blue one."""
    (target,) = appspec["Resources"]
    definition = target["TargetService"]["Properties"]["TaskDefinition"]
    named = {"cluster": "default", "service": service}
    (blue,) = aws.given("describe_task_sets", **named)["taskSets"]
    asked = {name: blue[name] for name in ("launchType", "networkConfiguration", "loadBalancers")}
    scale = {"value": 100.0, "unit": "PERCENT"}
    green = aws.given(
        "create_task_set", **named, **asked, taskDefinition=definition, externalId=DEPLOYMENT, scale=scale
    )["taskSet"]
    aws.until("green", "describe_task_sets",
              lambda answer: answer["taskSets"][0]["stabilityStatus"] == "STEADY_STATE", **named, taskSets=[green["id"]])  # fmt: skip
    aws.given("update_service_primary_task_set", **named, primaryTaskSet=green["id"])
    aws.given("delete_task_set", **named, taskSet=blue["id"], force=True)
