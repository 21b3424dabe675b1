"""What the IAM tests share."""

from tests.unit.platform.iam.bench import bench

__all__ = ["bench"]
