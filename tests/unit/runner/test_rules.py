"""The runner's pure rules: phases, masking, the shell's words, chosen artifacts."""

from __future__ import annotations

import base64
import os
import select
import stat
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest

from codeyard.formats.buildspec import Artifacts, OnFailure
from codeyard.runner import phases
from codeyard.runner.artifacts import Collector, NoArtifacts
from codeyard.runner.log import BuildLog
from codeyard.runner.masking import Mask
from codeyard.runner.sandbox.enter import Plan
from codeyard.runner.sandbox.unsafe import Unconfined
from codeyard.runner.shell import Shell, expanded, exports, question

NO_RULE, GO_ON, STOP = OnFailure(), OnFailure("CONTINUE"), OnFailure("ABORT")


@pytest.mark.parametrize(
    ("phase", "good", "rule", "then"),
    [
        ("DOWNLOAD_SOURCE", False, NO_RULE, "FINALIZING"),
        ("INSTALL", True, NO_RULE, "PRE_BUILD"),
        ("INSTALL", False, NO_RULE, "FINALIZING"),
        ("INSTALL", False, GO_ON, "PRE_BUILD"),
        ("PRE_BUILD", False, NO_RULE, "FINALIZING"),
        ("PRE_BUILD", False, GO_ON, "BUILD"),
        ("BUILD", False, NO_RULE, "POST_BUILD"),
        ("BUILD", False, STOP, "FINALIZING"),
        ("BUILD", False, OnFailure("RETRY", 3), "POST_BUILD"),
        ("POST_BUILD", False, NO_RULE, "UPLOAD_ARTIFACTS"),
        ("UPLOAD_ARTIFACTS", False, NO_RULE, "FINALIZING"),
        ("FINALIZING", True, NO_RULE, ""),
    ],
)
def test_phases_follow_each_other_as_documented(phase: str, good: bool, rule: OnFailure, then: str) -> None:
    assert phases.following(phase, good, rule) == then


def test_a_phase_is_tried_again_as_often_as_it_says_and_where_its_output_matches() -> None:
    rule = OnFailure("RETRY", 2, "time.?out")
    assert [phases.tried_again(rule, n, "a timeout") for n in (1, 2, 3)] == [True, True, False]
    assert not phases.tried_again(rule, 1, "something else")


SECRET = 'p@ss word/"1"+é'


@pytest.mark.parametrize(
    "shown",
    [
        SECRET.encode(),
        quote(SECRET, safe="").encode(),
        base64.b64encode(SECRET.encode()),
        base64.b64encode(b"user:" + SECRET.encode()),
        base64.b64encode(b"x" + SECRET.encode() + b"yz"),
        b'{"k": "p@ss word/\\"1\\"+\\u00e9"}',
    ],
)
def test_a_secret_is_masked_in_the_forms_that_tools_print(shown: bytes) -> None:
    mask = Mask()
    mask.add([SECRET])
    said = mask.feed(b"a " + shown + b" b\n") + mask.flush()
    assert b"***" in said
    assert shown not in said


@pytest.mark.parametrize("cut", range(1, 11))
def test_a_secret_cut_by_a_chunk_is_masked(cut: int) -> None:
    mask = Mask()
    mask.add(["hunter2hunter"])
    text = b"x hunter2hunter y"
    assert mask.feed(text[: cut + 2]) + mask.feed(text[cut + 2 :]) + mask.flush() == b"x *** y"


def test_each_line_of_a_secret_is_masked() -> None:
    mask = Mask()
    mask.add(["-----BEGIN KEY\nabcdefgh\n-----END KEY"])
    assert mask.feed(b"> abcdefgh <\n") == b"> *** <\n"


def test_what_cannot_begin_a_secret_is_shown_at_once() -> None:
    mask = Mask()
    mask.add(["hunter2"])
    assert mask.feed(b"plain line\n") == b"plain line\n"


def test_an_endless_line_is_broken_and_the_agents_lines_begin_at_the_left(tmp_path: Path) -> None:
    log = BuildLog(tmp_path / "log", lambda: None)
    log.output(b"x" * 200_000)
    log.line("Entering phase BUILD")
    lines = log.read(0, 1 << 20).split(b"\n")
    assert max(map(len, lines)) <= 65536
    assert lines[-2].endswith(b"Entering phase BUILD")
    assert lines[-2].startswith(b"[Container] 2")


class Talk:
    """A real shell with the driver, outside of any sandbox."""

    def __init__(self, folder: Path, shell: str) -> None:
        self.shell = Shell(shell, str(folder / "out" / "tmp"))
        read, command = os.pipe()
        statuses, status = os.pipe()
        self._log, output = os.pipe()
        self.shell.open(command, statuses)
        self._box = Unconfined(output, ((read, Shell.COMMAND), (status, Shell.STATUS)))
        for descriptor in (read, status, output):
            os.close(descriptor)
        self._box.grow(Plan("talk", self.shell.argv(), cwd=str(folder / "out")))

    def run(self, text: str, *, ask: bool = False) -> tuple[int, bytes]:
        self.shell.send(text, ask=ask)
        while True:
            assert select.select([self.shell.statuses], [], [], 10)[0], "the shell does not answer"
            if (found := self.shell.status(ask=ask)) is not None:
                return found

    def end(self) -> bytes:
        self._box.close()
        with os.fdopen(self._log, "rb") as log:
            return log.read()


@pytest.fixture(params=["/bin/sh", "bash"])
def talk(request: pytest.FixtureRequest, tmp_path: Path) -> Talk:
    return Talk(tmp_path, request.param)


def test_folder_exports_and_functions_survive_between_commands(talk: Talk) -> None:
    talk.run("cd /usr; export A='1 2'; f() { echo f $1; }")
    talk.run('f "$A $PWD"')
    assert talk.run(question(["A", "NONE"]), ask=True) == (0, b"1 2\0")
    assert talk.end() == b"f 1 2 /usr\n"


@pytest.mark.parametrize("ends", ["exit 3", "set -e; false", "( exit 3 )"])
def test_a_command_that_ends_its_shell_fails_and_the_next_one_runs_where_it_was(talk: Talk, ends: str) -> None:
    talk.run("cd /usr; export A=1")
    assert talk.run(ends)[0] in (1, 3)
    assert talk.run('[ "$A" = 1 ] && [ "$(pwd)" = /usr ]')[0] == 0
    talk.end()


def test_a_shell_that_is_killed_is_replaced(talk: Talk) -> None:
    assert talk.run("kill -9 $$")[0] == 137
    assert talk.run("true")[0] == 0
    talk.end()


def test_a_command_that_is_no_shell_fails(talk: Talk) -> None:
    assert talk.run("if then")[0] != 0
    assert talk.run("true")[0] == 0
    talk.end()


def test_commands_keep_their_lines_backslashes_and_quotes(talk: Talk) -> None:
    talk.run("cat <<'EOF'\na\\n \"b\" 'c' $d\nEOF")
    assert talk.end() == b"a\\n \"b\" 'c' $d\n"


def test_variables_of_any_value_are_exported(talk: Talk) -> None:
    value = "a'b\"c\n$(id) `id` \\ é"
    talk.run(exports({"V": value, "not-a-name": "x"}))
    assert talk.run(question(["V"]), ask=True)[1].decode() == value
    talk.end()


def test_an_artifacts_name_is_expanded_by_the_shell(talk: Talk) -> None:
    talk.run("export N=7")
    assert talk.run(expanded("out-$N-$(echo x)"), ask=True)[1] == b"out-7-x"
    talk.end()


def test_commands_have_no_input_and_none_of_the_drivers_pipes(talk: Talk) -> None:
    talk.run("cat; ls /proc/self/fd | sort -n | tr '\\n' ' '")
    shown = set(talk.end().decode().split())
    assert not shown & {"8", "9"}


@pytest.fixture
def collector(tmp_path: Path) -> Collector:
    source = tmp_path / "out" / "src"
    (source / "dist" / "js").mkdir(parents=True)
    (source / "a.txt").write_text("a")
    (source / "dist" / "b.txt").write_text("b")
    (source / "dist" / "js" / "c.js").write_text("c")
    (source / "dist" / "js" / "c.map").write_text("m")
    os.chmod(source / "a.txt", 0o6755)
    os.symlink("/etc/hostname", source / "outside")
    os.symlink("../a.txt", source / "dist" / "inside")
    os.symlink("a.txt", source / "near")
    os.mkfifo(source / "fifo")
    (tmp_path / "secret").write_text("s")
    os.symlink("../../secret", source / "up")
    return Collector(os.open(tmp_path, os.O_RDONLY))


def _names(collector: Collector, tmp_path: Path, **artifact: object) -> list[str]:
    given = {"files": ("**/*",), **artifact}
    packed, _ = collector.pack("/codebuild/output/src", Artifacts(**given), tmp_path / "x.zip")  # type: ignore[arg-type]
    return sorted(zipfile.ZipFile(packed.path).namelist())


def test_only_regular_files_below_the_source_are_collected(collector: Collector, tmp_path: Path) -> None:
    assert _names(collector, tmp_path) == [
        "a.txt",
        "dist/b.txt",
        "dist/inside",
        "dist/js/c.js",
        "dist/js/c.map",
        "near",
    ]


def test_kept_links_lead_nowhere_else(collector: Collector, tmp_path: Path) -> None:
    names = _names(collector, tmp_path, enable_symlinks=True)
    assert {"near", "dist/inside"} <= set(names)
    assert not {"outside", "up"} & set(names)
    info = zipfile.ZipFile(tmp_path / "x.zip").getinfo("near")
    assert stat.S_ISLNK(info.external_attr >> 16)


def test_setuid_bits_are_not_kept(collector: Collector, tmp_path: Path) -> None:
    _names(collector, tmp_path)
    assert zipfile.ZipFile(tmp_path / "x.zip").getinfo("a.txt").external_attr >> 16 & 0o7777 == 0o755


@pytest.mark.parametrize(
    ("artifact", "names"),
    [
        ({"base_directory": "dist"}, ["b.txt", "js/c.js", "js/c.map"]),
        ({"base_directory": "dis*"}, ["b.txt", "js/c.js", "js/c.map"]),
        ({"base_directory": "dist", "exclude_paths": ("**/*.map",)}, ["b.txt", "js/c.js"]),
        ({"files": ("dist/**/*.js",), "discard_paths": True}, ["c.js"]),
        ({"files": ("/codebuild/output/src/dist/b.txt",)}, ["b.txt"]),
    ],
)
def test_artifacts_are_chosen_as_the_buildspec_says(
    collector: Collector, tmp_path: Path, artifact: dict[str, object], names: list[str]
) -> None:
    assert [n for n in _names(collector, tmp_path, **artifact) if n != "inside"] == names


@pytest.mark.parametrize(
    "artifact",
    [
        {"files": ("nothing",)},
        {"base_directory": "../.."},
        {"base_directory": "/etc"},
        {"files": ("/etc/passwd",)},
        {"files": ("fifo", "outside", "up")},
    ],
)
def test_what_is_not_there_or_outside_is_no_artifact(
    collector: Collector, tmp_path: Path, artifact: dict[str, object]
) -> None:
    with pytest.raises(NoArtifacts):
        _names(collector, tmp_path, **artifact)
