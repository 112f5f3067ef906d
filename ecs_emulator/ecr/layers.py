"""What the API tells of the blobs that a repository has.

Source: BatchCheckLayerAvailability in the ECR API reference.
"""

from __future__ import annotations

import re

from ecs_emulator.ecr import resolve
from ecs_emulator.records.ecr import Layer
from ecs_emulator.wire.call import Call, Document, Params

_DIGEST = re.compile(r"[a-zA-Z0-9\-_+.]+:[a-fA-F0-9]+")


def batch_check_layer_availability(call: Call, params: Params) -> Document:
    """Which of these digests the repository has; one that it does not have is UNAVAILABLE, not a failure."""
    repository = resolve.repository(call, params)
    layers: list[Document] = []
    failures: list[Document] = []
    for digest in params["layerDigests"]:
        if refused := _refused(digest):
            failures.append({"layerDigest": digest, **refused})
            continue
        layer = call.get(Layer, repository.account, repository.region, repository.name, digest)
        layers.append(_document(digest, layer))
    return {"layers": layers, "failures": failures}


def _document(digest: str, layer: Layer | None) -> Document:
    if layer is None:
        return {"layerDigest": digest, "layerAvailability": "UNAVAILABLE"}
    return {
        "layerDigest": digest,
        "layerAvailability": "AVAILABLE",
        "layerSize": layer.size,
        "mediaType": layer.media_type,
    }


def _refused(digest: str) -> Document | None:
    if not digest:
        return {
            "failureCode": "MissingLayerDigest",
            "failureReason": "Invalid request parameters: layer digest cannot be null",
        }
    if _DIGEST.fullmatch(digest) is None:
        return {
            "failureCode": "InvalidLayerDigest",
            "failureReason": "Invalid request parameters: layer digest should satisfy the regex "
            "'[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
        }
    return None
