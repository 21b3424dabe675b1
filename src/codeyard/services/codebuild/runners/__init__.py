"""Runners: who may claim builds, and the protocol that they speak."""

from codeyard.services.codebuild.runners.enrolment import enrol

__all__ = ["enrol"]
