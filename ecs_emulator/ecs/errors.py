"""Every error of the ECS model, one class each: the code is its name, the text what AWS says where it never varies."""

from __future__ import annotations

from ecs_emulator.rules.errors import (
    ClientException,
    InvalidParameterException,
    LimitExceededException,
    PlatformTaskDefinitionIncompatibilityException,
    PlatformUnknownException,
    UnsupportedFeatureException,
)
from ecs_emulator.wire.errors import AwsError

__all__ = [
    "AccessDeniedException",
    "AttributeLimitExceededException",
    "BlockedException",
    "ClientException",
    "ClusterContainsCapacityProviderException",
    "ClusterContainsContainerInstancesException",
    "ClusterContainsServicesException",
    "ClusterContainsTasksException",
    "ClusterNotFoundException",
    "ConflictException",
    "DaemonNotActiveException",
    "DaemonNotFoundException",
    "GatewayNotFoundException",
    "InvalidParameterException",
    "LimitExceededException",
    "MissingVersionException",
    "NamespaceNotFoundException",
    "NoUpdateAvailableException",
    "PlatformTaskDefinitionIncompatibilityException",
    "PlatformUnknownException",
    "ResourceInUseException",
    "ResourceNotFoundException",
    "ServiceDeploymentNotFoundException",
    "ServiceNotActiveException",
    "ServiceNotFoundException",
    "TargetNotConnectedException",
    "TargetNotFoundException",
    "TaskSetNotFoundException",
    "UnsupportedFeatureException",
    "UpdateInProgressException",
]


class AccessDeniedException(AwsError):
    """Says who may not do what: `User: {arn} is not authorized to perform: ecs:{operation} on resource: {arn}`."""


class AttributeLimitExceededException(AwsError):
    message = "The maximum number of custom attributes per resource is 10."


class BlockedException(AwsError):
    message = "Your account is currently blocked."


class ClusterContainsCapacityProviderException(AwsError):
    message = "The Cluster cannot be deleted while Capacity Providers are active."


class ClusterContainsContainerInstancesException(AwsError):
    message = "The Cluster cannot be deleted while Container Instances are active or draining."


class ClusterContainsServicesException(AwsError):
    message = "The Cluster cannot be deleted while Services are active."


class ClusterContainsTasksException(AwsError):
    message = "The Cluster cannot be deleted while Tasks are active."


class ClusterNotFoundException(AwsError):
    message = "Cluster not found."


class ConflictException(AwsError):
    """Carries `resourceIds`: the tasks that already answer to the clientToken."""

    message = (
        "The RunTask request could not be processed due to conflicts. "
        "The provided clientToken is already in use with a different request."
    )


class DaemonNotActiveException(AwsError):
    message = "Daemon was not ACTIVE."


class DaemonNotFoundException(AwsError):
    message = "Daemon not found."


class GatewayNotFoundException(AwsError):
    message = "Gateway not found."


class MissingVersionException(AwsError):
    message = "Amazon ECS can't determine the current version of the container agent on the container instance."


class NamespaceNotFoundException(AwsError):
    message = "The specified namespace wasn't found."


class NoUpdateAvailableException(AwsError):
    message = "There is no update available for your container agent."


class ResourceInUseException(AwsError):
    message = "The specified capacity provider is in use and cannot be removed."


class ResourceNotFoundException(AwsError):
    message = "The specified resource wasn't found."


class ServiceDeploymentNotFoundException(AwsError):
    message = "Service deployment not found."


class ServiceNotActiveException(AwsError):
    message = "Service was not ACTIVE."


class ServiceNotFoundException(AwsError):
    message = "Service not found."


class TargetNotConnectedException(AwsError):
    message = "The execute command failed due to an internal error. Try again later."


class TargetNotFoundException(AwsError):
    """Names the target: `Could not find {targetId}`."""


class TaskSetNotFoundException(AwsError):
    message = "The specified task set does not exist. Specify a valid taskset and try again."


class UpdateInProgressException(AwsError):
    message = (
        "The specified cluster is in a busy state. Cluster attachments must be in UPDATE_COMPLETE or UPDATE_FAILED "
        "state before they can be updated. Wait and try again."
    )
