"""The wire's facade: requests to parameters, answers and errors to HTTP, constraints to violations."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from codeyard.contract import AwsError, Staged, Violation
from codeyard.wire.compiler import Compiler
from codeyard.wire.faults import Faults
from codeyard.wire.http import Head, HttpAnswer
from codeyard.wire.models import Models
from codeyard.wire.protocols import Codec, Protocols
from codeyard.wire.restroutes import is_utf8
from codeyard.wire.routing import Route
from codeyard.wire.strict import Strict
from codeyard.wire.validate import Validator, violation


def _random_token() -> str:
    return str(uuid.uuid4())


class Wire:
    """All protocols over the models. Compiled per operation at first use; thread-safe.

    `token` fills idempotency tokens that a client left out (None: they stay out). `strict`, for tests, makes
    answers raise where they are not what the model says.
    """

    def __init__(self, models: Models, token: Callable[[], str] | None = _random_token) -> None:
        self._models, self._token = models, token
        self.strict = False
        self._protocols, self._faults = Protocols(models), Faults(models)
        self._codecs: dict[tuple[str, str, str], Codec] = {}
        self._tokens: dict[tuple[str, str], tuple[str, ...]] = {}
        self._checks: dict[tuple[str, str, bool], Any] = {}
        self._compilers: dict[tuple[str, type[Compiler]], Compiler] = {}
        self._lock = threading.RLock()

    def parse(self, route: Route, head: Head, body: bytes | Staged) -> dict[str, Any]:
        """The request's parameters as boto3 would take them; SerializationException (S3: MalformedXML) otherwise."""
        operation = _operation(route)
        if route.labels and not is_utf8(head.path):
            raise AwsError("InvalidURI", "Couldn't parse the specified URI.", status=400)
        try:
            params = self._codec(route.service, operation, route.protocol).read(head, route.labels, body)
        except (ValueError, TypeError, OverflowError, RecursionError, KeyError, AttributeError) as error:
            # What a hostile body can provoke in a reader is its own fault, never ours.
            raise _unreadable(route, error) from error
        for name in self._tokens_of(route.service, operation):
            if self._token is not None and params.get(name) is None:
                params[name] = self._token()
        return params

    def violation(self, service: str, operation: str, params: Mapping[str, Any]) -> Violation | None:
        """The first constraint of the operation's input that the parameters break; its message tells of all."""
        check = self._check(service, operation, outward=False)
        return violation(check, params) if check is not None else None

    def answer(self, route: Route, answer: Mapping[str, Any] | None, request_id: str) -> HttpAnswer:
        """An operation's answer as HTTP."""
        operation = _operation(route)
        if self.strict:
            self.check_answer(route.service, operation, answer or {})
        return self._codec(route.service, operation, route.protocol).write(answer or {}, request_id)

    def check_answer(self, service: str, operation: str, answer: Mapping[str, Any]) -> None:
        """Raise NotInModel where an answer is not what the model says."""
        check = self._check(service, operation, outward=True)
        if check is not None:
            check(answer, operation)

    def error(self, route: Route, error: AwsError, request_id: str) -> HttpAnswer:
        """An error as HTTP, in the route's protocol's own form."""
        return self._faults.write(route, error, request_id)

    def streams_in(self, service: str, operation: str) -> bool:
        """Whether the request's body is a stream that becomes a Staged."""
        shape = self._models.operation(service, operation).input_shape
        payload = shape.serialization.get("payload") if shape is not None else None
        return payload is not None and bool(shape.members[payload].serialization.get("streaming"))

    def _codec(self, service: str, operation: str, protocol: str) -> Codec:
        found = self._codecs.get((service, operation, protocol))
        if found is None:
            with self._lock:
                found = self._protocols.codec(service, operation, protocol)
                self._codecs[(service, operation, protocol)] = found
        return found

    def _tokens_of(self, service: str, operation: str) -> tuple[str, ...]:
        found = self._tokens.get((service, operation))
        if found is None:
            shape = self._models.operation(service, operation).input_shape
            members = shape.members if shape is not None else {}
            found = tuple(n for n, member in members.items() if member.metadata.get("idempotencyToken"))
            self._tokens[(service, operation)] = found
        return found

    def _check(self, service: str, operation: str, *, outward: bool) -> Any:
        key = (service, operation, outward)
        if key not in self._checks:
            with self._lock:
                model = self._models.operation(service, operation)
                shape = model.output_shape if outward else model.input_shape
                kind: type[Compiler] = Strict if outward else Validator
                compiler = self._compilers.setdefault((service, kind), kind())
                self._checks[key] = compiler.compile(shape) if shape is not None else None
        return self._checks[key]


def _operation(route: Route) -> str:
    if route.operation is None:
        raise AwsError("UnknownOperationException", "This service has no such operation.", status=404)
    return route.operation


def _unreadable(route: Route, error: Exception) -> AwsError:
    if route.protocol == "rest-xml":
        text = "The XML you provided was not well-formed or did not validate against our published schema"
        return AwsError("MalformedXML", text, status=400)
    if route.protocol == "query":
        return AwsError("MalformedInput", "The request's parameters could not be read.", status=400)
    detail = str(error) if type(error).__name__ == "Mistyped" else "A member is not of its type."
    return AwsError("SerializationException", detail, status=400)
