"""The only way in: the chain, the registry of operations, and the in-process clients."""

from codeyard.gateway.chain import Admitted, Gateway
from codeyard.gateway.invocation import Invocation
from codeyard.gateway.registry import Registry

__all__ = ["Admitted", "Gateway", "Invocation", "Registry"]
