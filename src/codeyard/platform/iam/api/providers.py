"""OIDC providers: issuers whose tokens roles may be assumed with."""

from __future__ import annotations

import re
from collections.abc import Sequence

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import whole_second
from codeyard.platform.iam import errors, model
from codeyard.platform.iam.api.base import Answer, Room, tag_list
from codeyard.platform.iam.store import providers
from codeyard.platform.iam.store.providers import Provider
from codeyard.storage import Tx

_URL = re.compile(r"https://([A-Za-z0-9.-]+(?::\d{1,5})?(?:/[\w.~%!$&'()*+,;=:@/-]*)?)")
_THUMBPRINT = re.compile(r"[0-9A-Fa-f]{40}")


class OidcProviders(Room):
    """Operations on OIDC providers."""

    def create_open_id_connect_provider(self, ctx: Context, req: Params) -> Answer:
        """Believe an issuer's tokens. Without a thumbprint, the issuer's own certificate chain is asked for one."""
        named = _URL.fullmatch(req["Url"])
        if named is None:
            raise errors.validation("Invalid Open ID Connect Provider URL")
        url, clients = named.group(1).rstrip("/"), _clients(req.get("ClientIDList") or ())
        given = _thumbprints(req.get("ThumbprintList") or ())
        tags = model.merged_tags((), model.request_tags(req.get("Tags") or ()))
        arn = model.provider_arn(ctx.account, url)
        self._read(lambda tx: _refuse_known(tx, arn, url))
        thumbprints = given or (self.issuers.thumbprint(f"https://{url}"),)

        def make(tx: Tx) -> Answer:
            _refuse_known(tx, arn, url)
            if len(providers.of_account(tx, ctx.account)) >= model.OIDC_PROVIDERS:
                raise errors.limit("OpenIdConnectProvidersPerAccount", model.OIDC_PROVIDERS)
            providers.add(tx, Provider(arn, ctx.account, url, clients, thumbprints, ctx.now, tags))
            return {"OpenIDConnectProviderArn": arn} | ({"Tags": tag_list(tags)} if tags else {})

        return ctx.write(make)

    def get_open_id_connect_provider(self, ctx: Context, req: Params) -> Answer:
        """A provider."""
        found = self._read(lambda tx: find_provider(tx, ctx, req["OpenIDConnectProviderArn"]))
        return {
            "Url": found.url,
            "ClientIDList": list(found.clients),
            "ThumbprintList": list(found.thumbprints),
            "CreateDate": whole_second(found.created),
            "Tags": tag_list(found.tags),
        }

    def list_open_id_connect_providers(self, ctx: Context, req: Params) -> Answer:
        """The account's providers."""
        found = self._read(lambda tx: providers.of_account(tx, ctx.account))
        return {"OpenIDConnectProviderList": [{"Arn": one.arn} for one in found]}

    def delete_open_id_connect_provider(self, ctx: Context, req: Params) -> Answer:
        """Believe an issuer no more. Like AWS's, it says nothing where there is no such provider."""

        def remove(tx: Tx) -> Answer:
            found = providers.provider(tx, req["OpenIDConnectProviderArn"])
            if found is not None and found.account == ctx.account:
                providers.delete(tx, found.arn)
            return {}

        return ctx.write(remove)

    def update_open_id_connect_provider_thumbprint(self, ctx: Context, req: Params) -> Answer:
        """Replace the list of thumbprints."""
        thumbprints = _thumbprints(req["ThumbprintList"])
        if not thumbprints:
            raise errors.invalid("Thumbprint list must contain at least one entry.")

        def change(tx: Tx) -> Answer:
            found = find_provider(tx, ctx, req["OpenIDConnectProviderArn"])
            providers.update(tx, found.arn, thumbprints=thumbprints)
            return {}

        return ctx.write(change)

    def add_client_id_to_open_id_connect_provider(self, ctx: Context, req: Params) -> Answer:
        """Accept tokens for one more audience; nothing changes when it is known."""

        def add(tx: Tx) -> Answer:
            found = find_provider(tx, ctx, req["OpenIDConnectProviderArn"])
            clients = tuple(dict.fromkeys((*found.clients, req["ClientID"])))
            providers.update(tx, found.arn, clients=_clients(clients))
            return {}

        return ctx.write(add)

    def remove_client_id_from_open_id_connect_provider(self, ctx: Context, req: Params) -> Answer:
        """Accept tokens for an audience no more; nothing changes when it is not known."""

        def remove(tx: Tx) -> Answer:
            found = find_provider(tx, ctx, req["OpenIDConnectProviderArn"])
            providers.update(tx, found.arn, clients=tuple(one for one in found.clients if one != req["ClientID"]))
            return {}

        return ctx.write(remove)


def find_provider(tx: Tx, ctx: Context, arn: str) -> Provider:
    """The account's provider of that ARN, or NoSuchEntity."""
    found = providers.provider(tx, arn)
    if found is None or found.account != ctx.account:
        raise errors.no_such(f"OpenIDConnect Provider not found for arn {arn}")
    return found


def _refuse_known(tx: Tx, arn: str, url: str) -> None:
    if providers.provider(tx, arn) is not None:
        raise errors.exists(f"Provider with url https://{url} already exists.")


def _clients(listed: Sequence[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(listed))
    if len(found) > model.OIDC_CLIENTS:
        raise errors.limit("ClientIdsPerOpenIdConnectProvider", model.OIDC_CLIENTS)
    return found


def _thumbprints(listed: Sequence[str]) -> tuple[str, ...]:
    if len(listed) > model.OIDC_THUMBPRINTS:
        raise AwsError("InvalidInputException", "Thumbprint list must contain fewer than 5 entries.")
    if not all(_THUMBPRINT.fullmatch(one) for one in listed):
        raise errors.invalid("A thumbprint has 40 hexadecimal digits.")
    return tuple(one.lower() for one in listed)
