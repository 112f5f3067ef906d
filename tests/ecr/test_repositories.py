"""Repositories: made, described, deleted; and each refusal in ECR's words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ecr.api import NOW, Ecr

KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"


def test_a_new_repository_is_told_as_aws_tells_it(ecr: Ecr) -> None:
    assert ecr.create("team/app", tags=[{"Key": "a", "Value": "b"}]) == {
        "repositoryArn": "arn:aws:ecr:us-east-1:123456789012:repository/team/app",
        "registryId": "123456789012",
        "repositoryName": "team/app",
        "repositoryUri": "localhost:4566/team/app",
        "createdAt": NOW,
        "imageTagMutability": "MUTABLE",
        "imageScanningConfiguration": {"scanOnPush": False},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    }


@pytest.mark.parametrize(
    ("chosen", "uri", "endpoint"),
    [
        (None, "localhost:4566/app", "http://localhost:4566"),
        ("registry.local:5000", "registry.local:5000/app", "http://registry.local:5000"),
        (
            "aws",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/app",
            "https://123456789012.dkr.ecr.us-east-1.amazonaws.com",
        ),
        (
            "999999999999.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/app",
            "https://123456789012.dkr.ecr.us-east-1.amazonaws.com",
        ),
    ],
)
def test_the_address_is_one_that_can_be_pushed_to_or_the_one_chosen(
    ecr: Ecr, chosen: str | None, uri: str, endpoint: str
) -> None:
    ecr.settings = {"registry_host": chosen}
    assert ecr.create()["repositoryUri"] == uri
    (login,) = ecr.ask("GetAuthorizationToken")["authorizationData"]
    assert login["proxyEndpoint"] == endpoint


def test_a_name_is_given_once(ecr: Ecr) -> None:
    ecr.create("app")
    assert ecr.refused("CreateRepository", repositoryName="app") == (
        "RepositoryAlreadyExistsException",
        "The repository with name 'app' already exists in the registry with id '123456789012'",
    )
    assert ecr.of("999999999999").create("app")["registryId"] == "999999999999"


def test_a_bad_parameter_is_said_before_a_name_that_is_taken(ecr: Ecr) -> None:
    ecr.create("app")
    code, _ = ecr.refused(
        "CreateRepository", repositoryName="app", encryptionConfiguration={"encryptionType": "AES256", "kmsKey": "x"}
    )
    assert code == "InvalidParameterException"


@pytest.mark.parametrize("name", ["A", "a..b", "-a", "a/", "x"])
def test_a_bad_name_is_refused(ecr: Ecr, name: str) -> None:
    code, message = ecr.refused("CreateRepository", repositoryName=name)
    assert code == "InvalidParameterException"
    assert message.startswith("Invalid parameter at 'repositoryName' failed to satisfy constraint: '")


def test_filters_come_with_a_rule_that_has_exclusions(ecr: Ecr) -> None:
    filters = [{"filterType": "WILDCARD", "filter": "dev-*"}]
    created = ecr.create(imageTagMutability="IMMUTABLE_WITH_EXCLUSION", imageTagMutabilityExclusionFilters=filters)
    assert created["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert created["imageTagMutabilityExclusionFilters"] == filters


@pytest.mark.parametrize(
    ("mutability", "filters", "constraint"),
    [
        (
            "IMMUTABLE",
            ["dev-*"],
            "ImageTagMutabilityExclusionFilters are not allowed when imageTagMutability is set as IMMUTABLE",
        ),
        (
            "MUTABLE_WITH_EXCLUSION",
            None,
            "ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as MUTABLE_WITH_EXCLUSION",
        ),
        (
            "MUTABLE_WITH_EXCLUSION",
            ["*a*b*"],
            "Image tag mutability exclusion filter can contain a maximum of 2 wildcards (*)",
        ),
    ],
)
def test_filters_that_do_not_fit_are_refused(
    ecr: Ecr, mutability: str, filters: list[str] | None, constraint: str
) -> None:
    params: dict[str, Any] = {"repositoryName": "app", "imageTagMutability": mutability}
    if filters is not None:
        params["imageTagMutabilityExclusionFilters"] = [{"filterType": "WILDCARD", "filter": each} for each in filters]
    assert ecr.refused("CreateRepository", **params) == (
        "InvalidParameterException",
        f"Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: '{constraint}'",
    )


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (KEY_ID, f"arn:aws:kms:us-east-1:123456789012:key/{KEY_ID}"),
        ("alias/mine", "arn:aws:kms:us-east-1:123456789012:alias/mine"),
        (f"arn:aws:kms:us-east-1:111111111111:key/{KEY_ID}", f"arn:aws:kms:us-east-1:111111111111:key/{KEY_ID}"),
    ],
)
def test_a_key_is_told_by_its_arn(ecr: Ecr, key: str, told: str) -> None:
    created = ecr.create(encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key})
    assert created["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": told}


def test_without_a_key_the_account_s_own_is_used_every_time(ecr: Ecr) -> None:
    first, second = (
        ecr.create(name, encryptionConfiguration={"encryptionType": "KMS"})["encryptionConfiguration"]["kmsKey"]
        for name in ("one", "two")
    )
    assert first == second
    assert first.startswith("arn:aws:kms:us-east-1:123456789012:key/")


def test_keys_that_can_not_be_used_are_refused(ecr: Ecr) -> None:
    status, document = ecr.answer(
        "CreateRepository",
        {
            "repositoryName": "app",
            "encryptionConfiguration": {
                "encryptionType": "KMS",
                "kmsKey": f"arn:aws:kms:eu-west-1:123456789012:key/{KEY_ID}",
            },
        },
    )
    assert (status, document) == (
        400,
        {"__type": "KmsException", "message": "Invalid arn eu-west-1", "kmsError": "NotFoundException"},
    )
    assert ecr.refused(
        "CreateRepository",
        repositoryName="app",
        encryptionConfiguration={"encryptionType": "AES256", "kmsKey": KEY_ID},
    )[1].endswith("'Invalid encryption configuration: Encryption key should not be set for AES256 encryption.'")


def test_repositories_are_described_in_the_order_asked_for_and_once(ecr: Ecr) -> None:
    created = {name: ecr.create(name) for name in ("aa", "bb", "cc")}
    answer = ecr.ask("DescribeRepositories", repositoryNames=["cc", "aa", "cc"])
    assert answer == {"repositories": [created["cc"], created["aa"]]}


def test_one_unknown_name_fails_the_whole_request(ecr: Ecr) -> None:
    ecr.create("aa")
    assert ecr.refused("DescribeRepositories", repositoryNames=["aa", "nope"]) == (
        "RepositoryNotFoundException",
        "The repository with name 'nope' does not exist in the registry with id '123456789012'",
    )
    assert ecr.refused("DescribeRepositories", repositoryNames=["aa"], registryId="999999999999")[1].endswith(
        "with id '999999999999'"
    )


def test_all_repositories_are_described_page_by_page(ecr: Ecr) -> None:
    for number in range(5):
        ecr.create(f"app{number}")
    names, token = [], None
    while True:
        answer = ecr.ask("DescribeRepositories", maxResults=2, **({"nextToken": token} if token else {}))
        names.append([each["repositoryName"] for each in answer["repositories"]])
        if (token := answer.get("nextToken")) is None:
            break
    assert names == [["app0", "app1"], ["app2", "app3"], ["app4"]]


@pytest.mark.parametrize("paging", [{"maxResults": 5}, {"nextToken": "x"}])
def test_names_and_pages_do_not_go_together(ecr: Ecr, paging: dict[str, Any]) -> None:
    ecr.create("aa")
    code, _ = ecr.refused("DescribeRepositories", repositoryNames=["aa"], **paging)
    assert code == "InvalidParameterException"


def test_a_page_token_of_somebody_else_is_refused(ecr: Ecr) -> None:
    assert ecr.refused("DescribeRepositories", nextToken="made-up") == (
        "InvalidParameterException",
        "Invalid parameter at 'NextToken' failed to satisfy constraint: 'Invalid NextToken'",
    )


def test_a_deleted_repository_is_told_without_its_settings(ecr: Ecr) -> None:
    created = ecr.create("app")
    answer = ecr.ask("DeleteRepository", repositoryName="app")
    del created["imageScanningConfiguration"], created["encryptionConfiguration"]
    assert answer == {"repository": created}
    assert ecr.refused("DeleteRepository", repositoryName="app")[0] == "RepositoryNotFoundException"


def test_a_repository_with_images_goes_by_force_and_with_everything(ecr: Ecr) -> None:
    ecr.create("app")
    ecr.push("v1")
    assert ecr.refused("DeleteRepository", repositoryName="app") == (
        "RepositoryNotEmptyException",
        "The repository with name 'app' in registry with id '123456789012' cannot be deleted because it still contains "
        "images",
    )
    ecr.ask("DeleteRepository", repositoryName="app", force=True)
    ecr.create("app")
    assert ecr.ask("ListImages", repositoryName="app") == {"imageIds": []}
    with ecr.store.snapshot() as tx:
        from ecs_emulator.records import ecr as kinds

        for kind in (kinds.Image, kinds.ImageManifest, kinds.ImageTag, kinds.ImagePart, kinds.Layer):
            assert tx.count(kind) == 0


def test_the_mutability_of_tags_can_be_changed(ecr: Ecr) -> None:
    ecr.create("app")
    answer = ecr.ask("PutImageTagMutability", repositoryName="app", imageTagMutability="IMMUTABLE")
    assert answer == {"registryId": "123456789012", "repositoryName": "app", "imageTagMutability": "IMMUTABLE"}
    (described,) = ecr.ask("DescribeRepositories")["repositories"]
    assert described["imageTagMutability"] == "IMMUTABLE"


# --- tags -----------------------------------------------------------------------------------------------------------------

ARN = "arn:aws:ecr:us-east-1:123456789012:repository/app"


def tagged(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def test_tags_are_listed_by_their_keys(ecr: Ecr) -> None:
    ecr.create("app", tags=tagged(b="1", c="2"))
    assert ecr.ask("TagResource", resourceArn=ARN, tags=tagged(c="3", a="4")) == {}
    assert ecr.ask("ListTagsForResource", resourceArn=ARN) == {"tags": tagged(a="4", b="1", c="3")}
    assert ecr.ask("UntagResource", resourceArn=ARN, tagKeys=["b", "never-was"]) == {}
    assert ecr.ask("ListTagsForResource", resourceArn=ARN) == {"tags": tagged(a="4", c="3")}


@pytest.mark.parametrize("arn", ["x", "arn:aws:ecs:us-east-1:123456789012:cluster/x", "arn:aws:ecr:us-east-1:1:x/y"])
def test_only_repositories_have_tags(ecr: Ecr, arn: str) -> None:
    assert ecr.refused("ListTagsForResource", resourceArn=arn) == (
        "InvalidParameterException",
        "Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'",
    )


def test_a_repository_that_is_not_there_has_no_tags(ecr: Ecr) -> None:
    assert ecr.refused("ListTagsForResource", resourceArn=ARN)[0] == "RepositoryNotFoundException"


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        (tagged(**{"aws:x": "1"}), "InvalidTagParameterException"),
        (tagged(**{"k" * 129: "1"}), "InvalidTagParameterException"),
        (tagged(**{"": "1"}), "InvalidTagParameterException"),
        (tagged(k="v" * 257), "InvalidTagParameterException"),
        (tagged(k="1") * 2, "InvalidTagParameterException"),
        (tagged(**{f"k{number}": "v" for number in range(51)}), "TooManyTagsException"),
    ],
)
def test_bad_tags_are_refused(ecr: Ecr, tags: list[dict[str, str]], code: str) -> None:
    assert ecr.refused("CreateRepository", repositoryName="app", tags=tags)[0] == code
    ecr.create("app", tags=tagged(old="1"))
    assert ecr.refused("TagResource", resourceArn=ARN, tags=tags)[0] == code


# --- logging in -----------------------------------------------------------------------------------------------------------


def test_a_login_is_good_for_twelve_hours_at_the_registry_asked_for(ecr: Ecr) -> None:
    import base64

    from ecs_emulator.registry import tokens

    answer = ecr.ask("GetAuthorizationToken", registryIds=["123456789012", "999999999999"])
    accounts = []
    for login in answer["authorizationData"]:
        user, _, password = base64.b64decode(login["authorizationToken"]).decode().partition(":")
        grant = tokens.read(ecr.key, password, NOW)
        assert user == "AWS"
        assert grant is not None
        assert grant.principal_arn == "arn:aws:iam::123456789012:root"
        assert login["expiresAt"] == NOW + 43_200
        accounts.append(grant.world.account)
    assert accounts == ["123456789012", "999999999999"]
