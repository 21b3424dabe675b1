"""The names under which builds are offered to runners."""

BUILDS = "codebuild.default"
CHANNEL = "codebuild-ended"
