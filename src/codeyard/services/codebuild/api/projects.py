"""Operations on projects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.formats import page_tokens
from codeyard.formats.moments import moment
from codeyard.services.codebuild import store
from codeyard.services.codebuild.api.base import PAGE, Base, checked, place
from codeyard.services.codebuild.errors import invalid
from codeyard.services.codebuild.model import projects
from codeyard.storage import Row, Tx, loads

MOST_PROJECTS = 5000
_SORTS = {"NAME": "name", "CREATED_TIME": "created", "LAST_MODIFIED_TIME": "modified"}


class Projects(Base):
    """Create, change, delete, read and list projects."""

    def create_project(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Create a project; ResourceAlreadyExistsException where the name is taken."""
        name = req["name"]
        document = checked(ctx, lambda: projects.completed(req, key=_default_key(ctx)))

        def write(tx: Tx) -> dict[str, Any]:
            if store.project(tx, ctx.account, ctx.region, name) is not None:
                raise AwsError("ResourceAlreadyExistsException", f"Project already exists: {self._arn(ctx, name)}")
            if len(store.list_projects(tx, ctx.account, ctx.region)) >= MOST_PROJECTS:
                raise AwsError("AccountLimitExceededException", f"Cannot have more than {MOST_PROJECTS} projects")
            store.insert_project(tx, ctx.account, ctx.region, name, document, ctx.now)
            return {"project": self._view(ctx, name, document, ctx.now, ctx.now)}

        return ctx.write(write)

    def update_project(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Replace those members that are given; builds that were started keep what they had."""

        def write(tx: Tx) -> dict[str, Any]:
            row = self._project(ctx, tx, req["name"])
            changes = {**req, "name": row.name}
            document = checked(ctx, lambda: projects.merged(loads(row.document), changes, key=_default_key(ctx)))
            store.update_project(tx, row, document, ctx.now)
            self._engine.wake(tx, ctx.account, ctx.region, row.name)
            return {"project": self._view(ctx, row.name, document, row.created, ctx.now)}

        return ctx.write(write)

    def delete_project(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a project; its builds stay. One that is not there is no error."""

        def write(tx: Tx) -> dict[str, Any]:
            store.delete_project(tx, ctx.account, ctx.region, req["name"])
            return {}

        return ctx.write(write)

    def batch_get_projects(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Describe projects by name or ARN; those that are not there are named."""
        names = list(dict.fromkeys(req["names"]))

        def read(tx: Tx) -> list[Row | None]:
            return [store.project(tx, ctx.account, ctx.region, self._plain(ctx, name)) for name in names]

        rows = self._kit.db.read(read)
        found = [
            self._view(ctx, row.name, loads(row.document), row.created, row.modified) for row in rows if row is not None
        ]
        missing = [name for name, row in zip(names, rows, strict=True) if row is None]
        return {"projects": found, "projectsNotFound": missing}

    def list_projects(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The names of the projects, 100 a page."""
        by, order = req.get("sortBy") or "NAME", req.get("sortOrder") or "ASCENDING"
        after = place(req.get("nextToken"), (str,), by, order)
        rows = self._kit.db.read(lambda tx: store.list_projects(tx, ctx.account, ctx.region))
        rows = sorted(rows, key=lambda r: (getattr(r, _SORTS[by]), r.name), reverse=order == "DESCENDING")
        names = [row.name for row in rows]
        if after is not None and after[0] not in names:
            raise invalid("Invalid nextToken: the token is not valid for this request")
        start = names.index(after[0]) + 1 if after is not None else 0
        page = names[start : start + PAGE]
        more = page_tokens.encode((page[-1],), by, order) if start + PAGE < len(names) else None
        return {"projects": page, "nextToken": more}

    def _plain(self, ctx: Context, name: str) -> str:
        plain = name.rpartition("project/")[2]
        return plain if name in (plain, self._arn(ctx, plain)) else ""

    def _view(
        self, ctx: Context, name: str, document: Mapping[str, Any], created: int, modified: int
    ) -> dict[str, Any]:
        return {
            "name": name,
            "arn": self._arn(ctx, name),
            **{m: document[m] for m in projects.MEMBERS if m in document and m != "badgeEnabled"},
            "created": moment(created),
            "lastModified": moment(modified),
            "badge": {"badgeEnabled": False},
            "projectVisibility": "PRIVATE",
        }


def _default_key(ctx: Context) -> str:
    return ctx.arn("alias/aws/s3", "kms")
