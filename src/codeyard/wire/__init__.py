"""AWS's protocols from botocore's models: nothing here knows a service beyond what its model says."""
