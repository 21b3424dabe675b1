"""The AppSpec file, read the way the host agent reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeyard.formats import appspec
from codeyard.formats.appspec import AppSpecError, FileMapping, Hook, parse

SAMPLES = Path(__file__).parents[4] / "shared" / "samples" / "appspecs"
HEAD = "version: 0.0\nos: linux\n"


def test_a_whole_file_is_read_with_its_defaults() -> None:
    found = parse(
        HEAD
        + """
files:
  - source: /
    destination: /srv/app
file_exists_behavior: OVERWRITE
permissions:
  - object: /srv/app
    pattern: "*.sh"
    except: [setup.sh]
    owner: app
    group: app
    mode: 750
    acls: ["u:web:r"]
    context: {user: unconfined_u, type: httpd_sys_content_t, range: s0}
    type: [file]
hooks:
  ApplicationStart:
    - location: scripts/start.sh
      timeout: 20
      runas: app
      sudo: true
    - location: scripts/warm.sh
"""
    )
    assert found.files == (FileMapping("/", "/srv/app"),)
    assert found.file_exists_behavior == "OVERWRITE"
    (permission,) = found.permissions
    assert (permission.pattern, permission.excepts, permission.types) == ("*.sh", ("setup.sh",), ("file",))
    assert (permission.owner, permission.group, permission.mode, permission.acls) == ("app", "app", "750", ("u:web:r",))
    assert permission.context == appspec.Context("httpd_sys_content_t", "unconfined_u", "s0")
    assert found.hooks["ApplicationStart"] == (
        Hook("scripts/start.sh", 20, "app", True),
        Hook("scripts/warm.sh", 3600, None, False),
    )


def test_a_permission_without_details_means_all_files_and_directories() -> None:
    (permission,) = parse(HEAD + "permissions:\n  - object: /srv\n").permissions
    assert (permission.pattern, permission.excepts, permission.types) == ("**", (), ("file", "directory"))


def test_unknown_keys_are_ignored() -> None:
    found = parse(HEAD + "owner: me\nfiles:\n  - source: a\n    destination: /b\n    overwrite: yes\n")
    assert found.files == (FileMapping("a", "/b"),)


@pytest.mark.parametrize("version", ["0.0", "0", "0.00"])
def test_version_zero_in_any_number_form_is_taken(version: str) -> None:
    assert parse(f"version: {version}\nos: linux\n").version == 0.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version: 1.0\nos: linux\n", "invalid version value (1.0)"),
        ("version: '0.0'\nos: linux\n", "invalid version value (0.0)"),
        ("os: linux\n", "invalid version value ()"),
        ("version: 0.0\n", "unsupported operating system ()"),
        ("version: 0.0\nos: windows\n", "unsupported operating system (windows)"),
        ("version: 0.0\nos: solaris\n", "unsupported operating system (solaris)"),
        ("- a\n", "a mapping is expected"),
        ("", "a mapping is expected"),
        ("version: 0.0\nos: linux\nfiles: [a", "not valid YAML"),
        ("version: 0.0\nos: \x00", "not valid YAML"),
        (HEAD + "files:\n  - destination: /b\n", "a file with no source"),
        (HEAD + "files:\n  - source: a\n", "a file with no destination"),
        (HEAD + "files: yes\n", "must be a list"),
        (HEAD + "hooks: [a]\n", "must map lifecycle events"),
        (HEAD + "hooks:\n  Install:\n    - timeout: 3\n", "a script with no location"),
        (HEAD + "hooks:\n  Install:\n    - location:\n", "a script with no location"),
        (HEAD + "hooks:\n  Install:\n    - location: a\n      timeout: 0\n", "invalid timeout"),
        (HEAD + "hooks:\n  Install:\n    - location: a\n      timeout: -4\n", "invalid timeout"),
        (HEAD + "hooks:\n  Install:\n    - location: a\n      timeout: soon\n", "invalid timeout"),
        (HEAD + "permissions:\n  - mode: 755\n", "no object value"),
        (HEAD + "permissions:\n  - object: /a\n    type: [socket]\n", "not supported for permissions (socket)"),
        (HEAD + "permissions:\n  - object: /a\n    mode: 789\n", "octal"),
        (HEAD + "permissions:\n  - object: /a\n    mode: 12345\n", "octal"),
        (HEAD + "permissions:\n  - object: /a\n    acls: ['--restore=x']\n", "acl"),
        (HEAD + "permissions:\n  - object: /a\n    context: {user: u}\n", "context"),
        (HEAD + "file_exists_behavior: KEEP\n", "invalid option"),
    ],
)
def test_what_cannot_be_deployed_is_refused_with_a_reason(text: str, says: str) -> None:
    with pytest.raises(AppSpecError) as caught:
        parse(text)
    assert says in str(caught.value)


def test_an_event_without_scripts_is_a_noop() -> None:
    found = parse(HEAD + "hooks:\n  AfterInstall:\n  ApplicationStop: ''\n  ValidateService:\n    - location: a\n")
    assert found.is_noop("AfterInstall")
    assert found.is_noop("ApplicationStop")
    assert found.is_noop("BeforeInstall")
    assert not found.is_noop("ValidateService")


def test_permissions_on_windows_are_refused() -> None:
    with pytest.raises(AppSpecError, match="Windows"):
        parse("version: 0.0\nos: windows\npermissions:\n  - object: c\n", os="windows")


@pytest.mark.parametrize(
    ("pattern", "name", "covered"),
    [
        ("**", "a/b/c", True),
        ("*", "a", True),
        ("*", "a/b", False),
        ("*.sh", "run.sh", True),
        ("*.sh", "run.sh.bak", False),
        ("a*b*c", "axxbyyc", True),
        ("a*b*c", "acb", False),
        ("ab*ba", "aba", False),
        ("run", "run", True),
        ("run", "runs", False),
    ],
)
def test_a_pattern_reaches_one_level_unless_it_is_two_stars(pattern: str, name: str, covered: bool) -> None:
    assert appspec.Permission("/o", pattern).covers(name) is covered


def test_excepted_names_are_not_covered() -> None:
    permission = appspec.Permission("/o", "*", ("*.conf",))
    assert permission.covers("a.sh")
    assert not permission.covers("a.conf")


def test_a_hostile_pattern_does_not_take_long() -> None:
    assert not appspec.Permission("/o", "*a" * 2000 + "b").covers("a" * 20000)


def test_a_permission_on_a_file_must_not_speak_of_members() -> None:
    with pytest.raises(AppSpecError, match="invalid pattern"):
        appspec.Permission("/f", "*.x").check_for_file()
    with pytest.raises(AppSpecError, match="except"):
        appspec.Permission("/f", excepts=("a",)).check_for_file()
    with pytest.raises(AppSpecError, match="-d parameter"):
        appspec.Permission("/f", acls=("d:u:a:r",)).check_for_file()


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the collected AppSpec samples are not on this machine")
def test_collected_files_of_the_world_are_read_or_refused_as_the_agent_does() -> None:
    refused = []
    for path in sorted(SAMPLES.iterdir()):
        try:
            parse(path.read_text())
        except AppSpecError:
            refused.append(path.name)
    kinds = ("windows", "lambda", "example_1", "example_3")
    assert all(any(kind in name for kind in kinds) for name in refused)
    assert len(refused) == 4
