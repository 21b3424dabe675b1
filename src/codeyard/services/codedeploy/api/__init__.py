"""CodeDeploy's operations, one method each, by noun."""

from codeyard.services.codedeploy.api.applications import Applications
from codeyard.services.codedeploy.api.configs import Configs
from codeyard.services.codedeploy.api.deployments import Deployments
from codeyard.services.codedeploy.api.groups import Groups
from codeyard.services.codedeploy.api.hosts import Hosts
from codeyard.services.codedeploy.api.revisions import Revisions
from codeyard.services.codedeploy.api.tagging import Tagging
from codeyard.services.codedeploy.api.targets import Targets


class CodeDeploy(Applications, Groups, Configs, Hosts, Revisions, Deployments, Targets, Tagging):
    """The whole API."""


__all__ = ["CodeDeploy"]
