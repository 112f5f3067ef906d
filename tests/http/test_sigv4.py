"""Account and region are read from the credential scope; what is no scope is refused in AWS's words."""

from __future__ import annotations

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecs_emulator.http.sigv4 import Scope, account_of, scope_of
from ecs_emulator.wire.errors import (
    AwsError,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
)

GOOD = (
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20231114/eu-west-1/ecs/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=abc123"
)
SCOPE = Scope(
    "AKIDEXAMPLE", "20231114", "eu-west-1", "ecs", ("content-type", "host", "x-amz-date", "x-amz-target"), "abc123"
)


def test_a_header_says_who_where_and_which_service() -> None:
    assert scope_of(GOOD) == SCOPE
    assert scope_of(GOOD.replace(", ", ",")) == SCOPE


def test_what_botocore_signs_is_understood() -> None:
    credentials = botocore.credentials.Credentials("111122223333", "secret")
    request = botocore.awsrequest.AWSRequest("POST", "http://127.0.0.1:4566/", {"X-Amz-Target": "x"}, b"{}")
    botocore.auth.SigV4Auth(credentials, "ecr", "us-west-2").add_auth(request)
    scope = scope_of(request.headers["Authorization"])
    assert (scope.access_key, scope.region, scope.service) == ("111122223333", "us-west-2", "ecr")
    assert "x-amz-date" in scope.signed_headers
    assert len(scope.signature) == 64


def test_a_presigned_address_says_the_same() -> None:
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": "AKIDEXAMPLE/20231114/eu-west-1/ecs/aws4_request",
        "X-Amz-SignedHeaders": "content-type;host;x-amz-date;x-amz-target",
        "X-Amz-Signature": "abc123",
    }
    assert scope_of(None, query) == SCOPE


@pytest.mark.parametrize("authorization", [None, ""])
def test_a_request_that_says_nothing_lacks_a_token(authorization: str | None) -> None:
    with pytest.raises(MissingAuthenticationTokenException) as caught:
        scope_of(authorization, {})
    assert caught.value.to_document() == {
        "__type": "MissingAuthenticationTokenException",
        "message": "Missing Authentication Token",
    }


def refused(authorization: str) -> AwsError:
    with pytest.raises((IncompleteSignatureException, InvalidSignatureException)) as caught:
        scope_of(authorization)
    assert caught.value.status == 400
    return caught.value


@pytest.mark.parametrize(
    ("authorization", "names"),
    [
        ("AWS4-HMAC-SHA256", ["Credential", "Signature", "SignedHeaders"]),
        ("Basic dXNlcjpwYXNz", ["Credential", "Signature", "SignedHeaders"]),
        ("AWS4-HMAC-SHA256 Credential=a/b/c/d/e", ["Signature", "SignedHeaders"]),
        ("AWS4-HMAC-SHA256 Credential=, SignedHeaders=host, Signature=1", ["Credential"]),
    ],
)
def test_what_the_header_lacks_is_named_and_the_header_is_not_repeated(authorization: str, names: list[str]) -> None:
    error = refused(authorization)
    assert error.code == "IncompleteSignatureException"
    assert error.message is not None
    demands = " ".join(f"Authorization header requires '{name}' parameter." for name in names)
    assert error.message.startswith(f"{demands} (Hashed with SHA-256 and encoded with Base64) Authorization=")
    assert authorization not in error.message


@pytest.mark.parametrize(
    "credential", ["AKID", "AKID/20231114/us-east-1/ecs", "A/B/20231114/us-east-1/ecs/aws4_request"]
)
def test_a_credential_has_five_parts(credential: str) -> None:
    error = refused(f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=1")
    assert error.message == (
        "Credential must have exactly 5 slash-delimited elements, "
        f"e.g. keyid/date/region/service/term, got '{credential}'"
    )


def test_a_region_is_a_name_and_the_last_part_is_fixed() -> None:
    assert refused(GOOD.replace("eu-west-1", "../etc")).code == "IncompleteSignatureException"
    assert refused(GOOD.replace("eu-west-1", "EU WEST")).message == "Credential should be scoped to a valid region."
    assert refused(GOOD.replace("aws4_request", "aws4")).message == (
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws4'."
    )


@given(st.text())
def test_whatever_the_header_holds_it_is_a_scope_or_a_refusal(text: str) -> None:
    for authorization in (text, f"AWS4-HMAC-SHA256 {text}"):
        try:
            scope_of(authorization)
        except AwsError as error:
            assert error.status == 400


@pytest.mark.parametrize(
    ("access_key", "account"),
    [
        ("111122223333", "111122223333"),
        ("000000000000", "000000000000"),
        ("AKIDEXAMPLE", "123456789012"),
        ("11112222333", "123456789012"),
        ("1111222233334", "123456789012"),
        ("١١١١٢٢٢٢٣٣٣٣", "123456789012"),
        ("", "123456789012"),
    ],
)
def test_an_access_key_of_twelve_digits_is_the_account(access_key: str, account: str) -> None:
    assert account_of(access_key, default="123456789012") == account
