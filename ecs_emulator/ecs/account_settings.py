"""Account settings: what a principal wants of ECS, or the root user for all who want nothing of their own."""

from __future__ import annotations

from collections.abc import Iterable

from ecs_emulator import arns
from ecs_emulator.ecs.errors import InvalidParameterException
from ecs_emulator.records.settings import AccountSetting
from ecs_emulator.rules import settings
from ecs_emulator.rules.settings import SETTINGS, Effective, Setting
from ecs_emulator.wire.call import Call, Document, Params
from ecs_emulator.wire.paging import among, page

# The list in the refusal of an unknown name: AWS's own, longer by what came later.
NAMES = (
    *settings.LONG_ARN_FORMATS,
    "containerLongArnFormat",
    *(name for name in SETTINGS if name not in settings.LONG_ARN_FORMATS),
)


def put_account_setting(call: Call, params: Params) -> Document:
    """Set a value for one principal: the caller, unless another (or the root user) is named.

    Source: PutAccountSetting in the ECS API reference. Errors: InvalidParameterException.
    """
    setting = _named(params)
    principal_arn = _principal(call, params)
    _refuse_value(setting, params.get("value", ""))
    if setting.root_only and principal_arn != call.world.root_arn:
        raise InvalidParameterException(f"{setting.name} can only be set for the root user.")
    return _put(call, setting, params["value"], principal_arn)


def put_account_setting_default(call: Call, params: Params) -> Document:
    """Set the value that holds for everyone in the account without one of their own.

    Source: PutAccountSettingDefault in the ECS API reference. Errors: InvalidParameterException.
    """
    setting = _named(params)
    _refuse_value(setting, params.get("value", ""))
    return _put(call, setting, params["value"], call.world.root_arn)


def delete_account_setting(call: Call, params: Params) -> Document:
    """Forget a principal's own value, and answer what holds for it from now on.

    Source: DeleteAccountSetting in the ECS API reference. Errors: InvalidParameterException.
    """
    setting = _named(params)
    principal_arn = _principal(call, params)
    if own := call.get(AccountSetting, call.world.account, call.world.region, principal_arn, setting.name):
        call.delete(own)
    now = _effective(call, setting.name, principal_arn)
    return {"setting": _document(Effective(setting.name, now.value, principal_arn))}


def list_account_settings(call: Call, params: Params) -> Document:
    """The principal's own settings, or with `effectiveSettings` what every setting is for it, by name.

    Source: ListAccountSettings in the ECS API reference. Errors: InvalidParameterException.
    """
    name, value = params.get("name"), params.get("value")
    if value is not None and name is None:
        raise InvalidParameterException("name must be specified when value is specified.")
    names = [_named(params).name] if name is not None else list(SETTINGS)
    principal_arn = _principal(call, params)
    find = _effective_all if params.get("effectiveSettings") else _own
    found = find(call, names, principal_arn)
    fetch = among([each for each in found if value in (None, each.value)], lambda each: each.name)
    shown, token = page(call, params, fetch, lambda each: each.name, default=10, maximum=10)
    return {"settings": [_document(each) for each in shown], "nextToken": token}


def _named(params: Params) -> Setting:
    name = params.get("name", "")
    if name not in SETTINGS:
        raise InvalidParameterException(f"{name} should be one of [{','.join(NAMES)}]")
    return SETTINGS[name]


def _refuse_value(setting: Setting, value: str) -> None:
    if setting.managed:
        raise InvalidParameterException(f"{setting.name} is managed by AWS and can not be changed.")
    if value not in setting.values:
        raise InvalidParameterException(f"{value} should be one of [{','.join(setting.values)}]")
    if setting.name in settings.LONG_ARN_FORMATS and value == "disabled":
        raise InvalidParameterException(f"You can no longer opt out of the long ARN format: {setting.name}")


def _principal(call: Call, params: Params) -> str:
    """A user, a role or the root user of this account; the session of a role counts as the role."""
    given = params.get("principalArn") or call.principal_arn
    arn = arns.parse(given)
    if arn is None or arn.service not in ("iam", "sts") or arn.account != call.world.account:
        raise InvalidParameterException(f"Invalid principal ARN: {given}")
    return settings.principal_of(given)


def _put(call: Call, setting: Setting, value: str, principal_arn: str) -> Document:
    call.put(AccountSetting(call.world.account, call.world.region, principal_arn, setting.name, value))
    return {"setting": _document(Effective(setting.name, value, principal_arn))}


def _explicit(call: Call, principal_arn: str) -> dict[tuple[str, str], str]:
    """What was set for the principal, or for all who want nothing of their own."""
    whose = {principal_arn, call.world.root_arn}
    found = call.find(AccountSetting, account=call.world.account, region=call.world.region, principal_arn=whose)
    return {(each.principal_arn, each.name): each.value for each in found}


def _own(call: Call, names: Iterable[str], principal_arn: str) -> list[Effective]:
    explicit = _explicit(call, principal_arn)
    return [
        Effective(name, explicit[principal_arn, name], principal_arn)
        for name in names
        if (principal_arn, name) in explicit
    ]


def _effective_all(call: Call, names: Iterable[str], principal_arn: str) -> list[Effective]:
    explicit = _explicit(call, principal_arn)
    return [settings.effective(name, principal_arn, call.world.root_arn, explicit) for name in names]


def _effective(call: Call, name: str, principal_arn: str) -> Effective:
    return settings.effective(name, principal_arn, call.world.root_arn, _explicit(call, principal_arn))


def _document(found: Effective) -> Document:
    return {
        "name": found.name,
        "value": found.value,
        "principalArn": found.principal_arn,
        "type": SETTINGS[found.name].type,
    }
