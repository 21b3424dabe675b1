"""All SQL of S3."""
