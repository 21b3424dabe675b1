"""AWS's managed policies for administrators and for what lies below the Code services, each with its version.

The texts are AWS's: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/NAME.html, checked against the
GetPolicyVersion answers that the archive github.com/zoph-io/MAMIP keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from codeyard.platform.iam.managed_more import allow, together

_OWN = "arn:aws:iam::*:user/${aws:username}"

# By name: (path, published version, statements).
BASICS: Mapping[str, tuple[str, str, Iterable[dict[str, Any]]]] = MappingProxyType(
    {
        "AdministratorAccess": ("/", "v1", [{"Effect": "Allow", "Action": "*", "Resource": "*"}]),
        "PowerUserAccess": (
            "/",
            "v12",
            [
                {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
                together(
                    allow("account", "GetAccountInformation GetGovCloudAccountInformation GetPrimaryEmail ListRegions"),
                    allow("iam", "CreateServiceLinkedRole DeleteServiceLinkedRole ListRoles"),
                    allow("organizations", "DescribeEffectivePolicy DescribeOrganization"),
                ),
            ],
        ),
        "IAMFullAccess": (
            "/",
            "v2",
            [
                together(
                    allow("iam", "*"),
                    allow(
                        "organizations",
                        "DescribeAccount DescribeOrganization DescribeOrganizationalUnit DescribePolicy ListChildren "
                        "ListParents ListPoliciesForTarget ListRoots ListPolicies ListTargetsForPolicy",
                    ),
                )
            ],
        ),
        "IAMReadOnlyAccess": (
            "/",
            "v4",
            [
                allow(
                    "iam",
                    "GenerateCredentialReport GenerateServiceLastAccessedDetails Get* List* SimulateCustomPolicy "
                    "SimulatePrincipalPolicy",
                )
            ],
        ),
        "IAMUserChangePassword": (
            "/",
            "v2",
            [allow("iam", "ChangePassword", [_OWN]), allow("iam", "GetAccountPasswordPolicy")],
        ),
        "IAMUserSSHKeys": (
            "/",
            "v1",
            [
                allow(
                    "iam",
                    "DeleteSSHPublicKey GetSSHPublicKey ListSSHPublicKeys UpdateSSHPublicKey UploadSSHPublicKey",
                    _OWN,
                )
            ],
        ),
        "IAMSelfManageServiceSpecificCredentials": (
            "/",
            "v1",
            [
                allow(
                    "iam",
                    "CreateServiceSpecificCredential ListServiceSpecificCredentials UpdateServiceSpecificCredential "
                    "DeleteServiceSpecificCredential ResetServiceSpecificCredential",
                    _OWN,
                )
            ],
        ),
        "AmazonS3FullAccess": ("/", "v2", [together(allow("s3", "*"), allow("s3-object-lambda", "*"))]),
        "AmazonS3ReadOnlyAccess": (
            "/",
            "v3",
            [together(allow("s3", "Get* List* Describe*"), allow("s3-object-lambda", "Get* List*"))],
        ),
        "AmazonSNSFullAccess": ("/", "v1", [allow("sns", "*")]),
        "AmazonSNSReadOnlyAccess": ("/", "v1", [allow("sns", "GetTopicAttributes List*")]),
        "AmazonEventBridgeReadOnlyAccess": (
            "/",
            "v6",
            [
                together(
                    allow(
                        "events",
                        "DescribeRule DescribeEventBus DescribeEventSource ListEventBuses ListEventSources "
                        "ListRuleNamesByTarget ListRules ListTargetsByRule TestEventPattern DescribeArchive "
                        "ListArchives DescribeReplay ListReplays DescribeConnection ListConnections "
                        "DescribeApiDestination ListApiDestinations DescribeEndpoint ListEndpoints",
                    ),
                    allow(
                        "schemas",
                        "DescribeCodeBinding DescribeDiscoverer DescribeRegistry DescribeSchema ExportSchema "
                        "GetCodeBindingSource GetDiscoveredSchema GetResourcePolicy ListDiscoverers ListRegistries "
                        "ListSchemas ListSchemaVersions ListTagsForResource SearchSchemas",
                    ),
                    allow(
                        "scheduler",
                        "GetSchedule GetScheduleGroup ListSchedules ListScheduleGroups ListTagsForResource",
                    ),
                    allow("pipes", "DescribePipe ListPipes ListTagsForResource"),
                )
            ],
        ),
        "CloudWatchLogsReadOnlyAccess": (
            "/",
            "v6",
            [
                together(
                    allow(
                        "logs",
                        "Describe* Get* List* StartQuery StopQuery TestMetricFilter FilterLogEvents StartLiveTail "
                        "StopLiveTail",
                    ),
                    allow("cloudwatch", "GenerateQuery"),
                )
            ],
        ),
        "AmazonSSMReadOnlyAccess": ("/", "v1", [allow("ssm", "Describe* Get* List*")]),
        "AWSCloudTrail_ReadOnlyAccess": ("/", "v1", [allow("cloudtrail", "Get* Describe* List* LookupEvents")]),
    }
)
