"""S3's pure rules: names, ranges, conditions, checksums, listings, tags and policies."""
