"""A door for those who read commits: who signed them, as far as IAM knows the key."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.git import signatures
from codeyard.git.names import is_object_id
from codeyard.services.codecommit import model
from codeyard.services.codecommit.api.base import Base
from codeyard.services.codecommit.reading import Reader


class Signatures(Base):
    """The signatures of commits."""

    def get_commit_signatures(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Of up to 100 commits those that are signed: {id: {kind, status, userName}}.

        `status` is VERIFIED where an active SSH key of a user of the account made it, BAD where it is not right, and
        UNKNOWN where nobody's key is known to be the signer's, which all of OpenPGP and X.509 are.
        """
        reader = self._open(ctx, req)
        listed = req.get("commitIds")
        ids = [one for one in listed if isinstance(one, str)] if isinstance(listed, list | tuple) else []
        if len(ids) > model.MAX_BATCH:
            raise AwsError("CommitIdsLimitExceededException", f"At most {model.MAX_BATCH} commit IDs.")
        found = {one: self._judge(ctx.account, reader, one) for one in ids if is_object_id(one)}
        return {"signatures": {one: said for one, said in found.items() if said is not None}}

    def _judge(self, account: str, reader: Reader, commit_id: str) -> dict[str, str] | None:
        content = reader.commit_content(commit_id)
        signed = signatures.of_commit(content) if content is not None else None
        if signed is None:
            return None
        said = {"kind": signed.kind, "status": "UNKNOWN", "userName": ""}
        if signed.kind != "ssh":
            return said
        read = signatures.read_ssh(signed.signature)
        if read is None:
            return {**said, "status": "BAD"}
        user = self._rooms.signer_of(account, read.key)
        if user is None:
            return said
        return {**said, "status": "VERIFIED" if signatures.is_right(signed.payload, read) else "BAD", "userName": user}
