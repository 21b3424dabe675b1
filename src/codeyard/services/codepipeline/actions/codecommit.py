"""Source from CodeCommit: the branch's head (or the pinned commit) as a zip in the artifact bucket.

The archive is made by CodeCommit itself (codecommit:UploadArchive, the permission that AWS's pipeline roles have for
it), which writes it to the bucket as the pipeline's role. Doing it twice writes the same object again.
"""

from __future__ import annotations

from typing import Any

from codeyard.services.codepipeline.actions.base import CONFIGURATION, Done, Failed, Outcome, Revision, Run, iso


class CodeCommitSource:
    """Source / CodeCommit."""

    def start(self, run: Run) -> Outcome:
        """Resolve the commit, write its archive, and tell its variables."""
        repository, branch = run.configuration["RepositoryName"], run.configuration["BranchName"]
        commit_id = run.pins.get("COMMIT_ID") or self._head(run, repository, branch)
        commit = run.client.call("codecommit", "GetCommit", {"repositoryName": repository, "commitId": commit_id})
        target = run.outputs[0]
        run.client.call(
            "codecommit",
            "UploadArchive",
            {
                "repositoryName": repository,
                "commitId": commit_id,
                "bucket": target.bucket,
                "key": target.key,
                "encryption": run.encryption,
            },
        )
        return self._done(run, repository, branch, commit["commit"])

    def observe(self, run: Run) -> Outcome:
        """A source is done when it has started."""
        return Failed(CONFIGURATION, "A source action does not run elsewhere.")

    @staticmethod
    def _head(run: Run, repository: str, branch: str) -> str:
        answer = run.client.call("codecommit", "GetBranch", {"repositoryName": repository, "branchName": branch})
        return str(answer["branch"]["commitId"])

    @staticmethod
    def _done(run: Run, repository: str, branch: str, commit: dict[str, Any]) -> Done:
        message = commit.get("message") or ""
        variables = {
            "RepositoryName": repository,
            "BranchName": branch,
            "CommitId": commit["commitId"],
            "CommitMessage": message,
            "AuthorDate": iso(commit.get("author", {}).get("date", "")),
            "CommitterDate": iso(commit.get("committer", {}).get("date", "")),
        }
        url = f"{run.console}/repositories/{repository}/commit/{commit['commitId']}"
        revision = Revision(commit["commitId"], message[:2048], url, run.started)
        return Done(commit["commitId"], url, message[:2048], variables, revision)
