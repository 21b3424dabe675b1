"""Service models, loaded at first use: our own from wire/models, all others from botocore's data."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

from codeyard.wire.services import SIGNING, TARGETS

_OWN = Path(__file__).parent / "models"


class Models:
    """The enabled services' models by botocore's service id; thread-safe."""

    def __init__(self, services: Iterable[str], own: Path = _OWN) -> None:
        self._own = {path.stem: path for path in sorted(own.glob("*.json"))}
        self._services = tuple(dict.fromkeys((*services, *self._own)))
        self._loader = Loader()
        self._lock = threading.RLock()
        self._models: dict[str, ServiceModel] = {}
        self._operations: dict[tuple[str, str], OperationModel] = {}
        self.targets, self.names = self._tables()

    @property
    def services(self) -> tuple[str, ...]:
        """The enabled service ids, our own included."""
        return self._services

    def service(self, service: str) -> ServiceModel:
        """The model of a service; KeyError where it is not enabled."""
        found = self._models.get(service)
        if found is None:
            with self._lock:
                found = self._models.get(service) or self._load(service)
                self._models[service] = found
        return found

    def operation(self, service: str, operation: str) -> OperationModel:
        """The model of an operation; KeyError where service or operation is unknown."""
        found = self._operations.get((service, operation))
        if found is None:
            model = self.service(service)
            if operation not in model.operation_names:
                raise KeyError(operation)
            with self._lock:
                found = self._operations[(service, operation)] = model.operation_model(operation)
        return found

    def protocols(self, service: str) -> list[str]:
        """The protocols that the service's model lists."""
        metadata = self.service(service).metadata
        return list(metadata.get("protocols") or [metadata["protocol"]])

    def _load(self, service: str) -> ServiceModel:
        if service not in self._services:
            raise KeyError(service)
        own = self._own.get(service)
        document: Any = json.loads(own.read_bytes()) if own else self._loader.load_service_model(service, "service-2")
        return ServiceModel(document, service)

    def _tables(self) -> tuple[dict[str, str], dict[str, str]]:
        """Target prefix -> service id, and signing name or endpoint prefix -> service id."""
        targets = {prefix: service for prefix, service in TARGETS.items() if service in self._services}
        names = {name: name for name in self._services}
        names.update({name: service for name, service in SIGNING.items() if service in self._services})
        for service, path in self._own.items():
            metadata = json.loads(path.read_bytes())["metadata"]
            prefixes = [metadata.get("targetPrefix", ""), *metadata.get("targetPrefixAliases", ())]
            targets.update({prefix: service for prefix in prefixes if prefix})
            signing = [metadata.get("signingName", service), *metadata.get("signingNameAliases", ())]
            names.update(dict.fromkeys((*signing, metadata["endpointPrefix"]), service))
        return targets, names
