"""From a broken constraint to the exception, and the refusals that several operations share, in KMS's words."""

from __future__ import annotations

from codeyard.contract import AwsError, Violation


def error_for(operation: str, violation: Violation) -> AwsError:
    """ValidationException, which KMS answers though its model does not list it."""
    return invalid(violation.message)


def invalid(message: str) -> AwsError:
    """ValidationException."""
    return AwsError("ValidationException", message, status=400)


def no_key(arn: str) -> AwsError:
    """NotFoundException for a key."""
    return AwsError("NotFoundException", f"Key '{arn}' does not exist")


def no_alias(arn: str) -> AwsError:
    """NotFoundException for an alias."""
    return AwsError("NotFoundException", f"Alias {arn} is not found.")


def no_such_id(given: str) -> AwsError:
    """NotFoundException for what is no key's id."""
    return AwsError("NotFoundException", f"Invalid keyId '{given}'")


def bad_state(message: str) -> AwsError:
    """KMSInvalidStateException."""
    return AwsError("KMSInvalidStateException", message)


def disabled(arn: str) -> AwsError:
    """DisabledException."""
    return AwsError("DisabledException", f"{arn} is disabled.")


def unsupported(message: str = "") -> AwsError:
    """UnsupportedOperationException."""
    return AwsError("UnsupportedOperationException", message)


def wrong_usage(message: str) -> AwsError:
    """InvalidKeyUsageException."""
    return AwsError("InvalidKeyUsageException", message)


def bad_ciphertext() -> AwsError:
    """InvalidCiphertextException; AWS gives it no message, so that nobody learns what was wrong."""
    return AwsError("InvalidCiphertextException", "")


def limit(message: str) -> AwsError:
    """LimitExceededException."""
    return AwsError("LimitExceededException", message)


def malformed_policy(message: str) -> AwsError:
    """MalformedPolicyDocumentException."""
    return AwsError("MalformedPolicyDocumentException", message)


def would_have_succeeded() -> AwsError:
    """What DryRun answers to a request that nothing is wrong with."""
    return AwsError("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
