"""What the operations share: the key that a request means, its material in the clear, pages, and dry runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from codeyard.contract import AwsError, Context, Params, not_implemented
from codeyard.engine import Kit
from codeyard.formats import page_tokens
from codeyard.platform.kms import finding, model, store, tokens
from codeyard.platform.kms.errors import bad_state, would_have_succeeded, wrong_usage
from codeyard.platform.kms.finding import ManagedKeys
from codeyard.platform.kms.model import Key, Material

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Use:
    """A key that may be used now, with the material that it encrypts or signs with."""

    key: Key
    material_id: str
    secret: bytes


class Base:
    """The ports that every group of operations has."""

    def __init__(self, kit: Kit, managed: ManagedKeys) -> None:
        self._kit, self._managed = kit, managed

    def _key(self, ctx: Context, tx: Any, given: str, *, aliases: bool = False) -> Key:
        return finding.key_at(tx, given, ctx.account, ctx.region, aliases=aliases)

    def _read_key(self, ctx: Context, given: str, *, aliases: bool = False) -> Key:
        return self._kit.db.read(lambda tx: self._key(ctx, tx, given, aliases=aliases))

    def _use(self, ctx: Context, req: Params, usage: str, given: str) -> Use:
        """The key, if it is for this usage and its state lets it be used, with its current material."""
        self._check_tokens(req)

        def read(tx: Any) -> tuple[Key, Material | None]:
            key = self._key(ctx, tx, given, aliases=True)
            return key, store.material(tx, key.id, key.current)

        key, found = self._kit.db.read(read)
        model.check_usable(key)
        if key.usage != usage:
            raise wrong_usage(f"{key.arn} key usage is {key.usage} which is not valid for {ctx.operation}.")
        if found is None:
            raise bad_state(f"{key.arn} is pending import.")
        return Use(key, found.id, self._open(found))

    def _open(self, found: Material) -> bytes:
        if not found.sealed:
            raise bad_state(f"The key material {found.id} has been deleted or has expired: import it again.")
        return self._kit.sealer.open(found.sealed, finding.context(found.key_id, found.id))

    def _check_tokens(self, req: Params) -> None:
        for token in req.get("GrantTokens") or ():
            tokens.granted_by(self._kit.sealer, token)
        if req.get("Recipient"):
            raise not_implemented("kms", "Recipient: attested enclaves are Amazon's own hardware")

    @staticmethod
    def _algorithm(use: Use, asked: str, member: str) -> str:
        if asked not in use.key.kind.algorithms[use.key.usage]:
            raise wrong_usage(f"{member} {asked} is not valid for {use.key.arn}, whose key spec is {use.key.spec}.")
        return asked


def dry(req: Params) -> None:
    """End a dry run: everything was as it should be."""
    if req.get("DryRun"):
        raise would_have_succeeded()


def resume(req: Params, *question: Any) -> str:
    """The name behind which a page begins; InvalidMarkerException for another question's marker."""
    refusal = AwsError("InvalidMarkerException", "The marker is not valid.")
    place = page_tokens.resume(req.get("Marker"), (str,), refusal, *question)
    return "" if place is None else str(place[0])


def page(
    member: str, rows: Sequence[T], limit: int, name: Callable[[T], str], show: Callable[[T], Any], *question: Any
) -> dict[str, Any]:
    """A page of a listing out of up to one row more than it holds."""
    shown = rows[:limit]
    answer: dict[str, Any] = {member: [show(one) for one in shown], "Truncated": len(rows) > limit}
    if answer["Truncated"]:
        answer["NextMarker"] = page_tokens.encode((name(shown[-1]),), *question)
    return answer
