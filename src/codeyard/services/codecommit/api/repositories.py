"""Operations on repositories and their tags."""

from __future__ import annotations

from functools import partial
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codecommit import model, store
from codeyard.services.codecommit.api.base import Base, base_url, metadata, no_repository, required
from codeyard.services.codecommit.model import Repository
from codeyard.services.codecommit.pulls import store as pull_store


class Repositories(Base):
    """Create, read, list, rename, describe, delete and tag repositories."""

    def create_repository(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create an empty repository; RepositoryNameExistsException when the name is taken."""
        name = req["repositoryName"]
        model.check_repository_name(name)
        tags = model.check_tags(req.get("tags") or {})
        if self._find(ctx, name) is not None:
            raise _name_exists(name)
        now, made = self._kit.clock.now(), self._kit.ids.uuid()
        said = req.get("repositoryDescription") or None
        try:
            key = self._rooms.encryption.create(ctx, made, req.get("kmsKeyId"))
            repository = Repository(made, ctx.account, ctx.region, name, said, None, now, now, tags, **key)
            return ctx.write(lambda tx: self._insert(ctx, tx, repository))
        except BaseException:
            self._rooms.repositories.remove(made)
            raise

    def _insert(self, ctx: Context, tx: Any, repository: Repository) -> dict[str, Any]:
        if store.get(tx, repository.account, repository.region, repository.name) is not None:
            raise _name_exists(repository.name)
        if store.count(tx, repository.account, repository.region) >= model.MAX_REPOSITORIES:
            raise AwsError("RepositoryLimitExceededException", f"At most {model.MAX_REPOSITORIES} repositories.")
        store.insert(tx, repository)
        return {"repositoryMetadata": metadata(ctx, self._kit, repository)}

    def get_repository(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Describe a repository."""
        repository = self._get(ctx, req)
        place, make = base_url(ctx, self._kit), partial(metadata, ctx, self._kit, repository)
        return {"repositoryMetadata": self._rooms.lookup.made(repository, place, make)}

    def batch_get_repositories(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Describe up to 100 repositories; those that do not exist are named, and listed as errors."""
        names = list(dict.fromkeys(req["repositoryNames"]))
        if len(names) > model.MAX_BATCH:
            raise AwsError("MaximumRepositoryNamesExceededException", f"At most {model.MAX_BATCH} names.")
        for name in names:
            model.check_repository_name(name)
        found = self._kit.db.read(lambda tx: {name: store.get(tx, ctx.account, ctx.region, name) for name in names})
        missing = [name for name, repository in found.items() if repository is None]
        return {
            "repositories": [metadata(ctx, self._kit, r) for r in found.values() if r is not None],
            "repositoriesNotFound": missing,
            "errors": [_missing_error(name) for name in missing],
        }

    def list_repositories(self, ctx: Context, req: Params) -> dict[str, Any]:
        """List names and ids, by name or by last change, a page at a time."""
        by_time = req.get("sortBy") == "lastModifiedDate"
        descending = req.get("order") == "descending"
        token = model.decode_token(req.get("nextToken"), t=bool, d=bool, m=int, n=str)
        if token and (token["t"], token["d"]) != (by_time, descending):
            raise AwsError("InvalidContinuationTokenException", "The token belongs to another order.")
        after = (token["m"], token["n"]) if token else None
        found = self._kit.db.read(
            lambda tx: store.page(
                tx,
                ctx.account,
                ctx.region,
                by_time=by_time,
                descending=descending,
                after=after,
                limit=model.PAGE + 1,
            )
        )
        shown = found[: model.PAGE]
        answer: dict[str, Any] = {"repositories": [{"repositoryName": r.name, "repositoryId": r.id} for r in shown]}
        if len(found) > model.PAGE:
            last = shown[-1]
            answer["nextToken"] = model.encode_token(t=by_time, d=descending, m=last.modified, n=last.name)
        return answer

    def delete_repository(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a repository with everything in it; succeeds without an id where there is none."""
        model.check_repository_name(req["repositoryName"])

        def write(tx: Any) -> dict[str, Any]:
            found = store.get(tx, ctx.account, ctx.region, req["repositoryName"])
            if found is None:
                return {}
            pull_store.forget(tx, found.id)
            store.delete(tx, found.id)
            tx.effect("codecommit.remove", found.id, {"repositoryId": found.id})
            return {"repositoryId": found.id}

        answer = ctx.write(write)
        if "repositoryId" in answer:
            self._rooms.repositories.remove(answer["repositoryId"])
        return answer

    def update_repository_name(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Rename a repository, which changes its ARN and clone URLs."""
        repository = self._get(ctx, req, "oldName")
        name = req["newName"]
        model.check_repository_name(name)

        def write(tx: Any) -> None:
            if store.get(tx, ctx.account, ctx.region, name) is not None:
                raise _name_exists(name)
            if store.get(tx, ctx.account, ctx.region, repository.name) is None:
                raise no_repository(repository.name)
            store.update(tx, repository.id, name=name, modified=self._kit.clock.now())

        ctx.write(write)
        return {}

    def update_repository_description(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Set or, without a description, remove a repository's description."""
        description = req.get("repositoryDescription") or None
        self._write_repository(ctx, self._get(ctx, req), description=description)
        return {}

    def update_repository_encryption_key(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Keep a repository under another KMS key, or under one for the first time."""
        key_id = required(req, "kmsKeyId", "EncryptionKeyRequiredException")
        repository, arn = self._rooms.encryption.change(ctx, self._get(ctx, req).id, key_id)
        answer = {"repositoryId": repository.id, "kmsKeyId": arn, "originalKmsKeyId": repository.kms_key}
        return {member: value for member, value in answer.items() if value is not None}

    def tag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add tags to a repository, replacing those of the same key."""
        repository = self._by_arn(ctx, req)
        ctx.write(lambda tx: self._retag(tx, repository, lambda old: model.check_tags(req["tags"], old)))
        return {}

    def untag_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Remove tags from a repository; keys that it does not have are passed over."""
        repository = self._by_arn(ctx, req)
        gone = set(req["tagKeys"])
        if any(key.lower().startswith("aws:") for key in gone):
            raise AwsError("InvalidSystemTagUsageException", "Keys that begin with aws: are reserved.")

        def without(old: dict[str, str]) -> dict[str, str]:
            return {key: value for key, value in old.items() if key not in gone}

        ctx.write(lambda tx: self._retag(tx, repository, without))
        return {}

    def _retag(self, tx: Any, repository: Repository, change: Any) -> None:
        fresh = store.get_by_id(tx, repository.id)
        if fresh is None:
            raise no_repository(repository.name)
        store.update(tx, repository.id, tags=change(fresh.tags))

    def list_tags_for_resource(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The tags of a repository; at most 50, so always one page."""
        return {"tags": dict(self._by_arn(ctx, req).tags)}

    def _by_arn(self, ctx: Context, req: Params) -> Repository:
        arn = required(req, "resourceArn", "ResourceArnRequiredException")
        parts = arn.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn" or parts[2] != "codecommit":
            raise AwsError("InvalidResourceArnException", "The resource ARN is not that of a repository.")
        _, _, _, region, account, name = parts
        model.check_repository_name(name)
        found = self._kit.db.read(lambda tx: store.get(tx, account, region, name))
        if found is None or (account, region) != (ctx.account, ctx.region):
            raise no_repository(name)
        return found


def _name_exists(name: str) -> AwsError:
    return AwsError("RepositoryNameExistsException", f"Repository named {name} already exists")


def _missing_error(name: str) -> dict[str, str]:
    return {
        "repositoryName": name,
        "errorCode": "RepositoryDoesNotExistException",
        "errorMessage": f"{name} does not exist",
    }
