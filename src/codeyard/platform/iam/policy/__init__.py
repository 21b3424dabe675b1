"""The policy engine: pure, without a clock or a store. Text in, decisions out."""

from codeyard.platform.iam.policy.compile import PolicySet, compile_policy
from codeyard.platform.iam.policy.decide import Caller, Decision, decide
from codeyard.platform.iam.policy.document import Document, Statement, parse
from codeyard.platform.iam.policy.principals import Identity
from codeyard.platform.iam.policy.request import Request

__all__ = [
    "Caller",
    "Decision",
    "Document",
    "Identity",
    "PolicySet",
    "Request",
    "Statement",
    "compile_policy",
    "decide",
    "parse",
]
