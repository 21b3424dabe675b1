"""All SQL of CodeDeploy, by noun."""
