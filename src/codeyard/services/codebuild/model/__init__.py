"""Pure rules of CodeBuild: what a project may be, and how a build goes."""
