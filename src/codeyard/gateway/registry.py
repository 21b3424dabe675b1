"""Which operations exist, which are built, and what each needs. Nothing is registered without an access entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore import xform_name

from codeyard.contract import Access, AwsError, Context, Params, Part, not_implemented
from codeyard.contract.part import ErrorRule
from codeyard.gateway.rules import BEARS_TOKEN, JUDGES_ITSELF, NEEDS_NO_PERMISSION, is_data_event, is_read

Handler = Callable[[Context, Params], dict[str, Any]]


class ServiceModels(Protocol):
    """The wire's lazily loaded models."""

    def service(self, service: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that is built. `shapes` are the model's input and output, None for a door without a model."""

    service: str
    name: str
    handler: Handler
    access: Access
    errors: ErrorRule
    host: str
    read_only: bool
    data_event: bool
    exempt: bool
    bearer: bool
    shapes: tuple[Any, Any] | None


class Registry:
    """Finds operations by (service id, operation name); compiled at first use, so start-up loads no model."""

    def __init__(self, parts: Iterable[Part], models: ServiceModels) -> None:
        self._parts = {part.service: part for part in parts}
        self._models = models
        self._found: dict[tuple[str, str], Operation] = {}
        for part in self._parts.values():
            self._refuse_uncovered(part)

    @property
    def parts(self) -> Mapping[str, Part]:
        """The registered parts by service id."""
        return self._parts

    def find(self, service: str, name: str) -> Operation:
        """The operation; raises UnknownOperationException, or 501 NotImplemented where it is known but not built."""
        found = self._found.get((service, name))
        if found is None:
            found = self._found[(service, name)] = self._compile(service, name)
        return found

    def built(self, service: str) -> list[str]:
        """The names of the service's built operations, doors included, in the model's order."""
        part = self._parts[service]
        names = [n for n in self._models.service(service).operation_names if _method(part, n) is not None]
        return [*names, *sorted(part.doors)]

    def _compile(self, service: str, name: str) -> Operation:
        part = self._parts.get(service)
        if part is None:
            raise not_implemented(service, name)
        handler = _method(part, name)
        if name in part.doors:
            return self._operation(part, name, handler, None)
        model = self._models.service(service)
        if name not in model.operation_names:
            raise AwsError("UnknownOperationException", f"{service} has no operation {name}.", status=404)
        if handler is None:
            raise not_implemented(service, name)
        shape = model.operation_model(name)
        return self._operation(part, name, handler, (shape.input_shape, shape.output_shape))

    def _operation(self, part: Part, name: str, handler: Any, shapes: tuple[Any, Any] | None) -> Operation:
        prefix = self._models.service(part.service).endpoint_prefix
        return Operation(
            part.service,
            name,
            handler,
            part.access[name],
            part.errors,
            f"{prefix}.amazonaws.com",
            is_read(part.service, name),
            is_data_event(part.service, name),
            (part.service, name) in NEEDS_NO_PERMISSION or (part.service, name) in JUDGES_ITSELF,
            (part.service, name) in BEARS_TOKEN,
            shapes,
        )

    def _refuse_uncovered(self, part: Part) -> None:
        named = {xform_name(name) for name in part.access}
        public = {n for n in dir(part.api) if not n.startswith("_") and callable(getattr(part.api, n))}
        if uncovered := public - named:
            raise RuntimeError(f"{part.service}: no access entry for {', '.join(sorted(uncovered))}")


def _method(part: Part, name: str) -> Any:
    return getattr(part.api, xform_name(name), None)
