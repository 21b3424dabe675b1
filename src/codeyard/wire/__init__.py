"""AWS's wire protocols from botocore's models: requests in, answers out, signatures. Knows no service."""
