"""The deployment configurations that exist from the start, and the rules for made ones. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.contract import AwsError

PREFIX = "CodeDeployDefault."
DEFAULT = "CodeDeployDefault.OneAtATime"
_LAMBDA_LINEAR = {"1Minute": 1, "2Minutes": 2, "3Minutes": 3, "10Minutes": 10}


def predefined() -> dict[str, dict[str, Any]]:
    """The built-in configurations by name, as GetDeploymentConfig tells them (without id and time)."""
    return {PREFIX + name: body for name, body in {**_server(), **_ecs(), **_lambda()}.items()}


def _server() -> dict[str, dict[str, Any]]:
    rules = {
        "OneAtATime": ("MOST_CONCURRENCY", 1),
        "HalfAtATime": ("FLEET_PERCENT", 50),
        "AllAtOnce": ("FLEET_PERCENT", 0),
    }
    return {
        name: {
            "deploymentConfigId": f"00000000-0000-0000-0000-{number:012d}",
            "computePlatform": "Server",
            "minimumHealthyHosts": {"type": kind, "value": value},
        }
        for number, (name, (kind, value)) in enumerate(rules.items(), 1)
    }


def _ecs() -> dict[str, dict[str, Any]]:
    routes = {
        "ECSAllAtOnce": {"type": "AllAtOnce"},
        "ECSLinear10PercentEvery1Minutes": _linear(10, 1),
        "ECSLinear10PercentEvery3Minutes": _linear(10, 3),
        "ECSCanary10Percent5Minutes": _canary(10, 5),
        "ECSCanary10Percent15Minutes": _canary(10, 15),
    }
    return {name: {"computePlatform": "ECS", "trafficRoutingConfig": route} for name, route in routes.items()}


def _lambda() -> dict[str, dict[str, Any]]:
    routes: dict[str, dict[str, Any]] = {"LambdaAllAtOnce": {"type": "AllAtOnce"}}
    for minutes in (5, 10, 15, 30):
        routes[f"LambdaCanary10Percent{minutes}Minutes"] = _canary(10, minutes)
    for label, minutes in _LAMBDA_LINEAR.items():
        routes[f"LambdaLinear10PercentEvery{label}"] = _linear(10, minutes)
    return {name: {"computePlatform": "Lambda", "trafficRoutingConfig": route} for name, route in routes.items()}


def _linear(percent: int, minutes: int) -> dict[str, Any]:
    return {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": percent, "linearInterval": minutes}}


def _canary(percent: int, minutes: int) -> dict[str, Any]:
    return {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": percent, "canaryInterval": minutes}}


def checked(req: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a configuration to be made, or the modelled error for what is wrong with it."""
    if req["deploymentConfigName"].startswith(PREFIX):
        raise AwsError("InvalidDeploymentConfigNameException", f"The prefix {PREFIX} is reserved")
    platform = req.get("computePlatform", "Server")
    if req.get("zonalConfig"):
        raise AwsError(
            "InvalidZonalDeploymentConfigurationException",
            "Codeyard knows no Availability Zones yet: a zonal configuration cannot be carried out",
        )
    if platform == "Server":
        return {"computePlatform": platform, "minimumHealthyHosts": _hosts(req)}
    return {"computePlatform": platform, "trafficRoutingConfig": _route(req)}


def _hosts(req: Mapping[str, Any]) -> dict[str, Any]:
    rule = req.get("minimumHealthyHosts") or {}
    value, kind = rule.get("value"), rule.get("type")
    if req.get("trafficRoutingConfig"):
        raise AwsError(
            "InvalidTrafficRoutingConfigurationException", "Traffic routing is not for the Server compute platform"
        )
    if kind is None or value is None or value < 0 or (kind == "FLEET_PERCENT" and value > 100):
        raise AwsError(
            "InvalidMinimumHealthyHostValueException",
            "minimumHealthyHosts needs a type and a value: HOST_COUNT of 0 or more, or FLEET_PERCENT of 0 to 100",
        )
    return {"type": kind, "value": value}


def _route(req: Mapping[str, Any]) -> dict[str, Any]:
    route = req.get("trafficRoutingConfig") or {}
    if req.get("minimumHealthyHosts"):
        raise AwsError("InvalidMinimumHealthyHostValueException", "minimumHealthyHosts is for the Server platform")
    part = {"TimeBasedCanary": "timeBasedCanary", "TimeBasedLinear": "timeBasedLinear"}.get(route.get("type", ""), "")
    numbers = list((route.get(part) or {}).values()) if part else []
    if not route.get("type") or (part and (len(numbers) != 2 or min(numbers) < 1)):
        raise AwsError(
            "InvalidTrafficRoutingConfigurationException",
            "trafficRoutingConfig needs a type and its percentage and interval",
        )
    return dict(route)
