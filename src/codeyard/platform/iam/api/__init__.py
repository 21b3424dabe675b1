"""IAM's operations: one class of all nouns, each noun in a file of its own."""

from __future__ import annotations

from codeyard.platform.iam.api.access_keys import AccessKeys
from codeyard.platform.iam.api.account import Accounts
from codeyard.platform.iam.api.attachments import Attachments
from codeyard.platform.iam.api.certificates import ServerCertificates
from codeyard.platform.iam.api.credentialreport import CredentialReports
from codeyard.platform.iam.api.credentials import Credentials
from codeyard.platform.iam.api.details import AccountDetails
from codeyard.platform.iam.api.groups import Groups
from codeyard.platform.iam.api.lastaccess import LastAccess
from codeyard.platform.iam.api.linked import LinkedRoles
from codeyard.platform.iam.api.login import LoginProfiles
from codeyard.platform.iam.api.mfa import MfaDevices
from codeyard.platform.iam.api.passwords import PasswordPolicies
from codeyard.platform.iam.api.policies import Policies
from codeyard.platform.iam.api.preferences import Preferences
from codeyard.platform.iam.api.profiles import InstanceProfiles
from codeyard.platform.iam.api.providers import OidcProviders
from codeyard.platform.iam.api.roles import Roles
from codeyard.platform.iam.api.signing import SigningCertificates
from codeyard.platform.iam.api.simulate import Simulations
from codeyard.platform.iam.api.ssh_keys import SshKeys
from codeyard.platform.iam.api.tags import TagOperations
from codeyard.platform.iam.api.users import Users


class Iam(
    Users,
    Groups,
    Roles,
    Policies,
    Attachments,
    AccessKeys,
    Credentials,
    SshKeys,
    LoginProfiles,
    TagOperations,
    InstanceProfiles,
    Accounts,
    Simulations,
    MfaDevices,
    PasswordPolicies,
    OidcProviders,
    ServerCertificates,
    SigningCertificates,
    LinkedRoles,
    Preferences,
    CredentialReports,
    AccountDetails,
    LastAccess,
):
    """The whole of IAM's API."""
