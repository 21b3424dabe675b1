"""What the STS tests share."""

from tests.support.issuer import issuer
from tests.unit.platform.iam.bench import bench

__all__ = ["bench", "issuer"]
