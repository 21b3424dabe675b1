"""Whether a trail may write where it is told to: asked of the bucket, the topic and the log group themselves."""

from __future__ import annotations

from codeyard.contract import AwsError, Client, Context, not_implemented
from codeyard.engine import Kit
from codeyard.platform.cloudtrail import layout
from codeyard.platform.cloudtrail.destinations import GROUP, logs_client, open_stream, stream_of
from codeyard.platform.cloudtrail.model import Trail

_KEYS = {
    "NotFoundException": "KmsKeyNotFoundException",
    "DisabledException": "KmsKeyDisabledException",
    "KMSInvalidStateException": "KmsException",
    "InvalidKeyUsageException": "InvalidKmsKeyIdException",
    "InvalidArnException": "InvalidKmsKeyIdException",
    "ValidationException": "InvalidKmsKeyIdException",
}
_GROUP, _ROLE = "CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn"


class Checks:
    """Raises CloudTrail's exception for the first place that refuses."""

    def __init__(self, kit: Kit, ctx: Context) -> None:
        self._kit, self._ctx = kit, ctx

    def new(self, trail: Trail) -> None:
        """Every place of a new trail."""
        self._bucket(trail)
        if trail.config.get("SnsTopicARN"):
            self._topic(trail)
        self._logs(trail)

    def changed(self, before: Trail, after: Trail) -> None:
        """The places that a trail did not write to before."""
        if (before.bucket, before.prefix) != (after.bucket, after.prefix):
            self._bucket(after)
        topic = after.config.get("SnsTopicARN")
        if topic and topic != before.config.get("SnsTopicARN"):
            self._topic(after)
        if any(before.config.get(name) != after.config.get(name) for name in (_GROUP, _ROLE)):
            self._logs(after)

    def key(self, trail: Trail, key_id: str, bucket: str) -> str:
        """The ARN of a key that lets CloudTrail encrypt for the trail."""
        asked = {"KeyId": key_id, "KeySpec": "AES_256", "EncryptionContext": trail.encryption_context}
        try:
            self._seek(key_id)
            return str(self._service(trail).call("kms", "GenerateDataKey", asked)["KeyId"])
        except AwsError as refusal:
            if refusal.code == "AccessDeniedException":
                text = f"Insufficient permissions to access S3 bucket {bucket} or KMS key {key_id}."
                raise AwsError("InsufficientEncryptionPolicyException", text) from None
            if refusal.code not in _KEYS:
                raise
            raise AwsError(_KEYS[refusal.code], refusal.message) from None

    def _seek(self, key_id: str) -> None:
        """That there is no such key is told to who may look: to CloudTrail itself its policy tells nothing."""
        try:
            self._ctx.forward().call("kms", "DescribeKey", {"KeyId": key_id})
        except AwsError as refusal:
            if refusal.code != "AccessDeniedException":
                raise

    def organization(self) -> None:
        """A trail of an organization: there is none, or its trails are not built (501)."""
        try:
            self._ctx.forward().call("organizations", "DescribeOrganization", {})
        except AwsError as refusal:
            if refusal.code == "AWSOrganizationsNotInUseException":
                text = "The account is not a member of an organization."
                raise AwsError("OrganizationsNotInUseException", text) from None
        raise not_implemented("cloudtrail", "trails of an organization")

    def _service(self, trail: Trail) -> Client:
        return self._ctx.as_service(source_arn=trail.arn)

    def _bucket(self, trail: Trail) -> None:
        """The policy must let CloudTrail read the bucket's ACL and write below the account's prefix."""
        name, service = trail.bucket, self._service(trail)
        try:
            service.call("s3", "GetBucketAcl", {"Bucket": name})
            folder = f"{layout.home(trail)}CloudTrail/"
            members = {"Bucket": name, "Key": folder, "Body": b"", "ACL": "bucket-owner-full-control"}
            service.call("s3", "PutObject", members)
        except AwsError as refusal:
            if refusal.code == "NoSuchBucket" or self._is_missing(name):
                raise AwsError("S3BucketDoesNotExistException", f"S3 bucket {name} does not exist!") from None
            text = f"Incorrect S3 bucket policy is detected for bucket: {name}"
            raise AwsError("InsufficientS3BucketPolicyException", text) from None

    def _is_missing(self, bucket: str) -> bool:
        """As far as the caller may know: whoever may not list the bucket is not told."""
        try:
            self._ctx.forward().call("s3", "HeadBucket", {"Bucket": bucket})
        except AwsError as refusal:
            return refusal.code in ("NoSuchBucket", "NotFound", "404")
        return False

    def _topic(self, trail: Trail) -> None:
        message = {"TopicArn": trail.config["SnsTopicARN"], "Message": "CloudTrail validation message."}
        try:
            self._service(trail).call("sns", "Publish", message)
        except AwsError:
            text = "SNS Topic does not exist or the topic policy is incorrect!"
            raise AwsError("InsufficientSnsTopicPolicyException", text) from None

    def _logs(self, trail: Trail) -> None:
        """The role must trust CloudTrail, and let it make the log stream."""
        group, role = trail.config.get(_GROUP), trail.config.get(_ROLE)
        if not group and not role:
            return
        if not group:
            raise _bad_group("You must specify a log group as well as a role ARN.")
        if not role:
            raise _bad_role("You must specify a role ARN as well as a log group.")
        found = GROUP.fullmatch(group)
        if found is None or found[2] != trail.account:
            raise _bad_group("CloudTrail cannot validate the specified log group ARN.")
        try:
            client = logs_client(self._kit, trail.arn, role, found[1])
        except AwsError:
            raise _bad_role("Access denied. Check the trust relationships for your role.") from None
        try:
            open_stream(client, found[3], stream_of(trail.account, trail.region))
        except AwsError as refusal:
            if refusal.code == "ResourceNotFoundException":
                raise _bad_group("CloudTrail cannot validate the specified log group ARN.") from None
            raise _bad_group("Access denied. Check the permissions for your role.") from None


def _bad_group(text: str) -> AwsError:
    return AwsError("InvalidCloudWatchLogsLogGroupArnException", text)


def _bad_role(text: str) -> AwsError:
    return AwsError("InvalidCloudWatchLogsRoleArnException", text)
