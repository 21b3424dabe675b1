"""The service-linked roles that AWS's services have, by the service's name: what CreateServiceLinkedRole may make.

From the documentation of each service ("Using service-linked roles for …"). The last member of a row says whether the
service lets an account have several, told apart by a suffix.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from codeyard.storage import dumps

PATH = "/aws-service-role/"

SERVICES: Mapping[str, tuple[str, bool]] = MappingProxyType(
    {
        "access-analyzer.amazonaws.com": ("AWSServiceRoleForAccessAnalyzer", False),
        "apidestinations.events.amazonaws.com": ("AWSServiceRoleForAmazonEventBridgeApiDestinations", False),
        "autoscaling.amazonaws.com": ("AWSServiceRoleForAutoScaling", True),
        "cks.kms.amazonaws.com": ("AWSServiceRoleForKeyManagementServiceCustomKeyStores", False),
        "cloudtrail.amazonaws.com": ("AWSServiceRoleForCloudTrail", False),
        "codeguru-profiler.amazonaws.com": ("AWSServiceRoleForCodeGuruProfiler", False),
        "codeguru-reviewer.amazonaws.com": ("AWSServiceRoleForAmazonCodeGuruReviewer", False),
        "codestar-notifications.amazonaws.com": ("AWSServiceRoleForCodeStarNotifications", False),
        "delivery.logs.amazonaws.com": ("AWSServiceRoleForLogDelivery", False),
        "ecs.amazonaws.com": ("AWSServiceRoleForECS", False),
        "elasticloadbalancing.amazonaws.com": ("AWSServiceRoleForElasticLoadBalancing", False),
        "events.amazonaws.com": ("AWSServiceRoleForCloudWatchEvents", False),
        "mrk.kms.amazonaws.com": ("AWSServiceRoleForKeyManagementServiceMultiRegionKeys", False),
        "organizations.amazonaws.com": ("AWSServiceRoleForOrganizations", False),
        "replicator.lambda.amazonaws.com": ("AWSServiceRoleForLambdaReplicator", False),
        "ssm.amazonaws.com": ("AWSServiceRoleForAmazonSSM", False),
    }
)


def trust_policy(service: str) -> str:
    """The trust policy of a service's role: the service alone may assume it."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return dumps({"Version": "2012-10-17", "Statement": [statement]})
