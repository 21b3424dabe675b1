"""Projects."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.formats import page_tokens
from codeyard.services.codebuild import model, store, views
from codeyard.services.codebuild.api.base import Room
from codeyard.storage import Tx, loads

_PAGE = 100
_NOT_BUILT = ("buildBatchConfig", "fileSystemLocations", "vpcConfig")
_IMAGES = {
    "UBUNTU": ["aws/codebuild/standard:7.0", "aws/codebuild/standard:6.0"],
    "AMAZON_LINUX_2": ["aws/codebuild/amazonlinux2-x86_64-standard:5.0"],
}


class Projects(Room):
    """Create, read, update, delete and list projects."""

    def create_project(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Make a project; ResourceAlreadyExistsException where the name is taken."""
        doc = self._document(ctx, dict(req))
        model.check_project(doc)
        model.network_of(doc.get("tags"))

        def write(tx: Tx) -> dict[str, Any]:
            if store.project_row(tx, ctx.account, ctx.region, doc["name"]) is not None:
                raise AwsError("ResourceAlreadyExistsException", f"Project already exists: {doc['arn']}")
            store.save_project(tx, ctx.account, ctx.region, doc, ctx.now, ctx.now)
            return {"project": views.project(doc, ctx.now, ctx.now)}

        return ctx.write(write)

    def update_project(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Change what is given; the rest stays."""

        def write(tx: Tx) -> dict[str, Any]:
            row = store.project_row(tx, ctx.account, ctx.region, req["name"])
            if row is None:
                raise model.missing(f"Project cannot be found: {ctx.arn('project/' + req['name'])}")
            doc = self._document(ctx, {**loads(row.doc), **req})
            model.check_project(doc)
            model.network_of(doc.get("tags"))
            store.save_project(tx, ctx.account, ctx.region, doc, row.created, ctx.now)
            return {"project": views.project(doc, row.created, ctx.now)}

        return ctx.write(write)

    def delete_project(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Remove a project; its builds stay; deleting one that is not there succeeds."""
        name = req["name"].rpartition("/")[2]

        def write(tx: Tx) -> dict[str, Any]:
            store.delete_project(tx, ctx.account, ctx.region, name)
            return {}

        return ctx.write(write)

    def batch_get_projects(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Projects by name or ARN; unknown ones are listed in projectsNotFound."""

        def read(tx: Tx) -> dict[str, Any]:
            found, unknown = [], []
            for name in dict.fromkeys(req["names"]):
                row = store.project_row(tx, ctx.account, ctx.region, name.rpartition("/")[2])
                if row is None:
                    unknown.append(name)
                else:
                    found.append(views.project(loads(row.doc), row.created, row.modified))
            return {"projects": found, "projectsNotFound": unknown}

        return self._kit.db.read(read)

    def list_projects(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Names, sorted as asked, 100 a page."""
        by, order = req.get("sortBy", "NAME"), req.get("sortOrder", "ASCENDING")
        place = self._place(req.get("nextToken"), (int,), "projects", by, order)
        offset = int(place[0]) if place else 0
        names = self._kit.db.read(
            lambda tx: store.project_names(tx, ctx.account, ctx.region, by, order == "DESCENDING", offset, _PAGE + 1)
        )
        answer: dict[str, Any] = {"projects": names[:_PAGE]}
        if len(names) > _PAGE:
            answer["nextToken"] = page_tokens.encode((offset + _PAGE,), "projects", by, order)
        return answer

    def list_curated_environment_images(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The image names that projects may state; builds run on this host's toolchain whichever is named."""
        platforms = [
            {"platform": platform, "languages": [{"language": "BASE", "images": [{"name": i} for i in images]}]}
            for platform, images in _IMAGES.items()
        ]
        return {"platforms": platforms}

    def _document(self, ctx: Context, given: dict[str, Any]) -> dict[str, Any]:
        for name in _NOT_BUILT:
            if given.get(name):
                raise AwsError("NotImplemented", f"Codeyard does not implement a project's {name} yet.", status=501)
        return {
            "timeoutInMinutes": 60,
            "queuedTimeoutInMinutes": 480,
            "cache": {"type": "NO_CACHE"},
            **given,
            "arn": ctx.arn(f"project/{given['name']}"),
            "encryptionKey": given.get("encryptionKey") or ctx.arn("alias/aws/s3", "kms"),
            "environment": {"privilegedMode": False, "imagePullCredentialsType": "CODEBUILD", **given["environment"]},
        }
