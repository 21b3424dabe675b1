"""botocore's models, loaded when they are first asked for, and ours in the same format from wire/models/."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

OURS = Path(__file__).parent / "models"


class Models:
    """Service models by botocore's id. A model that is never asked for is never read."""

    def __init__(self, services: Iterable[str]) -> None:
        own = tuple(sorted(path.stem for path in OURS.glob("*.json")))
        self.services = tuple(dict.fromkeys((*services, *own)))
        self._own = frozenset(own)
        self._loader = Loader()
        self._lock = threading.Lock()
        self._loaded: dict[str, ServiceModel] = {}

    def service(self, service: str) -> ServiceModel:
        """The service's model; KeyError where it is not enabled."""
        found = self._loaded.get(service)
        if found is None:
            with self._lock:
                found = self._loaded[service] = self._loaded.get(service) or self._load(service)
        return found

    def operation(self, service: str, name: str) -> OperationModel:
        """One operation's model."""
        return self.service(service).operation_model(name)

    def _load(self, service: str) -> ServiceModel:
        if service not in self.services:
            raise KeyError(service)
        if service in self._own:
            description: Any = json.loads((OURS / f"{service}.json").read_text())
        else:
            description = self._loader.load_service_model(service, "service-2")
        return ServiceModel(description, service_name=service)
