"""Operations on reactions to comments."""

from __future__ import annotations

from typing import Any

from codeyard.contract import Context, Params
from codeyard.services.codecommit import model
from codeyard.services.codecommit.api.comments import Comments, must_exist
from codeyard.services.codecommit.api.commits import page_size
from codeyard.services.codecommit.api.pull_base import check_arn
from codeyard.services.codecommit.pulls import comments as comment_store
from codeyard.services.codecommit.pulls import events as pull_events
from codeyard.services.codecommit.pulls import tables as pull_tables
from codeyard.services.codecommit.pulls.reactions import forms_of, parse_reaction


class Reacting(Comments):
    """React to comments, and see who did."""

    def put_comment_reaction(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Set, replace or take back one's own reaction."""
        found, user = self._comment(ctx, req), ctx.principal.arn
        name = parse_reaction(req["reactionValue"])

        def write(tx: Any) -> None:
            row, repository = self._again(tx, found)
            must_exist(row)
            old = comment_store.reaction_of(tx, row.id, user)
            if old == name:
                return
            if name is None:
                comment_store.remove_reaction(tx, row.id, user)
            else:
                tx.upsert(pull_tables.reactions, {"comment_id": row.id, "user": user}, {"name": name})
            verb, forms = "Updated" if old else "Created", forms_of(name) if name else {}
            tx.emit(pull_events.reaction_change(repository, row, verb, user, forms, self._kit.clock.now()))

        ctx.write(write)
        return {}

    def get_comment_reactions(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Who reacted to a comment, and how; of one user where one is named."""
        row, limit, user = self._comment(ctx, req), page_size(req.get("maxResults")), req.get("reactionUserArn")
        must_exist(row)
        if user is not None:
            check_arn(user, "InvalidReactionUserArnException")
        start = max(model.decode_token(req.get("nextToken"), n=int).get("n", 0), 0)
        users: dict[str, list[str]] = {}
        for one in self._kit.db.read(lambda tx: comment_store.reactions_to(tx, [row.id])):
            if user is None or one.user == user:
                users.setdefault(one.name, []).append(one.user)
        listed = sorted(users.items())
        shown = [
            {"reaction": forms_of(name), "reactionUsers": arns, "reactionsFromDeletedUsersCount": 0}
            for name, arns in listed[start : start + limit]
        ]
        answer: dict[str, Any] = {"reactionsForComment": shown}
        if start + limit < len(listed):
            answer["nextToken"] = model.encode_token(n=start + limit)
        return answer
