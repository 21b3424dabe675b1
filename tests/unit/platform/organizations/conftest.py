"""What the Organizations tests share."""

from tests.unit.platform.iam.bench import bench

__all__ = ["bench"]
