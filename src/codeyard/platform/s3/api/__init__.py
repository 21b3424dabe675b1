"""S3's operations, by noun."""

from __future__ import annotations

from codeyard.engine import Kit
from codeyard.platform.s3.api.bucket_settings import BucketSettings
from codeyard.platform.s3.api.buckets import Buckets
from codeyard.platform.s3.api.copies import Copies
from codeyard.platform.s3.api.listings import Listings
from codeyard.platform.s3.api.policies import Policies
from codeyard.platform.s3.api.tagging import Tagging
from codeyard.platform.s3.api.uploads import Uploads


class S3(Buckets, BucketSettings, Policies, Copies, Uploads, Tagging, Listings):
    """Simple Storage Service: a method an operation."""

    def __init__(self, kit: Kit, reserved: frozenset[str] = frozenset()) -> None:
        super().__init__(kit)
        self.reserved = reserved | kit.settings.reserved_bucket_names
