"""IAM and STS through the clients that people use."""
