"""All SQL of IAM, by noun. Every change tells the channel `iam`, so that no cache outlives what it was made from."""
