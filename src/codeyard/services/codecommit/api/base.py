"""What the operations of CodeCommit share: finding the repository of a call, and the shapes of answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.engine import Kit
from codeyard.formats.moments import moment
from codeyard.git.catfile import CatFiles
from codeyard.git.command import Git
from codeyard.services.codecommit import model, store
from codeyard.services.codecommit.encryption import Encryption
from codeyard.services.codecommit.lookup import Lookup
from codeyard.services.codecommit.model import Repository
from codeyard.services.codecommit.reading import Reader
from codeyard.services.codecommit.refs import RefChanges
from codeyard.services.codecommit.repositories import RepositoryStore

SignerOf = Callable[[str, bytes], str | None]  # the user of an account whose active SSH key this is, OpenSSH-encoded


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the operations are made from."""

    kit: Kit
    git: Git
    objects: CatFiles
    repositories: RepositoryStore
    changes: RefChanges
    lookup: Lookup
    encryption: Encryption
    signer_of: SignerOf


class Base:
    """Lookups for the operations' classes."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._kit = rooms.kit

    def _find(self, ctx: Context, name: str) -> Repository | None:
        return self._rooms.lookup.find(ctx.account, ctx.region, name)

    def _get(self, ctx: Context, req: Params, member: str = "repositoryName") -> Repository:
        name = required(req, member, "RepositoryNameRequiredException")
        model.check_repository_name(name)
        found = self._find(ctx, name)
        if found is None:
            raise no_repository(name)
        return found

    def _open(self, ctx: Context, req: Params) -> Reader:
        return self._reader(ctx, self._get(ctx, req))

    def _reader(self, ctx: Context, repository: Repository) -> Reader:
        """To read the repository as the caller, who must be allowed to use its key, if it has one."""
        self._rooms.encryption.open(ctx, repository)
        return Reader(repository, self._rooms.repositories, self._rooms.objects)

    def _write_repository(self, ctx: Context, repository: Repository, **values: Any) -> None:
        """Set columns; the repository must still be what it was when it was read."""

        def write(tx: Any) -> None:
            if store.get(tx, ctx.account, ctx.region, repository.name) is None:
                raise no_repository(repository.name)
            store.update(tx, repository.id, modified=self._kit.clock.now(), **values)

        ctx.write(write)


def required(req: Params, member: str, code: str) -> str:
    """A member that must be given and not empty."""
    value = req.get(member)
    if not value:
        raise AwsError(code, f"{member} is required.")
    return str(value)


def no_repository(name: str) -> AwsError:
    """The error for a repository that does not exist."""
    return AwsError("RepositoryDoesNotExistException", f"{name} does not exist")


def _ssh(kit: Kit, host: str) -> str:
    """Host and port of the SSH door, the host as the caller reached this server."""
    name, port = host.rpartition(":")[0] or host, kit.settings.ssh_address.rpartition(":")[2]
    return f"{name}:{port}" if port else name


def base_url(ctx: Context, kit: Kit) -> str:
    """Where the caller reaches this server, or may."""
    return kit.settings.public_url or ctx.origin.endpoint or kit.settings.endpoint


def metadata(ctx: Context, kit: Kit, repository: Repository) -> dict[str, Any]:
    """RepositoryMetadata; clone URLs are those of this server as the caller reached it."""
    base = base_url(ctx, kit)
    host = base.partition("://")[2] or f"git-codecommit.{repository.region}.amazonaws.com"
    said: Mapping[str, Any] = {
        "accountId": repository.account,
        "repositoryId": repository.id,
        "repositoryName": repository.name,
        "repositoryDescription": repository.description,
        "defaultBranch": repository.default_branch,
        "lastModifiedDate": moment(repository.modified),
        "creationDate": moment(repository.created),
        "cloneUrlHttp": f"{base or 'https://' + host}/v1/repos/{repository.name}",
        "cloneUrlSsh": f"ssh://{_ssh(kit, host)}/v1/repos/{repository.name}",
        "Arn": repository.arn,
        "kmsKeyId": repository.kms_key,
    }
    return {member: value for member, value in said.items() if value is not None}
