"""A root key in a PKCS#11 token: Debian's SoftHSM, a token of each test's own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from codeyard.engine import SystemIds
from codeyard.storage import Keyring, RootKeyError

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
IDS, PIN = SystemIds(), "8273-known-pin"

pytestmark = pytest.mark.skipif(
    not MODULE.exists() or shutil.which("softhsm2-util") is None, reason="softhsm2 is not installed: make setup does it"
)
Make = Callable[..., str]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes an AES key in a token of this module's own; gives the key's URI."""
    import pkcs11

    folder = tmp_path_factory.mktemp("hsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    (folder / "pin").write_text(PIN + "\n")
    (folder / "pin").chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        begun = ["softhsm2-util", "--init-token", "--free", "--label", "yard hsm", "--so-pin", "0000", "--pin", PIN]
        subprocess.run(begun, check=True, capture_output=True)
        module = pkcs11.lib(str(MODULE))

        def made(label: str, **template: bool) -> str:
            wanted = {pkcs11.Attribute[name]: value for name, value in template.items()}
            with module.get_token(token_label="yard hsm").open(rw=True, user_pin=PIN) as session:
                session.generate_key(pkcs11.KeyType.AES, 256, label=label, store=True, template=wanted)
            query = f"module-path={MODULE}&pin-source=file:{folder}/pin"
            return f"pkcs11:token=yard%20hsm;object={label};type=secret-key?{query}"

        yield made  # type: ignore[misc]
        pkcs11.unload(str(MODULE))


def seal(folder: Path, source: str) -> bytes:
    return Keyring(folder, IDS, {}).open(source).sealer().seal(b"secret", "c")


def unseal(folder: Path, source: str, sealed: bytes) -> bytes:
    return Keyring(folder, IDS, {}).open(source).sealer().open(sealed, "c")


def test_the_token_opens_what_it_sealed_and_its_other_keys_do_not(tmp_path: Path, make: Make) -> None:
    one, other = make("one"), make("other")
    sealed = seal(tmp_path, one)
    assert unseal(tmp_path, one, sealed) == b"secret"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keyring"]
    with pytest.raises(RootKeyError, match=r"does not open .*keyring"):
        Keyring(tmp_path, IDS, {}).open(other)


def test_rotation_goes_into_a_token_and_from_one_key_of_it_to_another(tmp_path: Path, make: Make) -> None:
    first, second = make("first"), make("second")
    sealed = seal(tmp_path, "")
    ring = Keyring(tmp_path, IDS, {})
    assert ring.rotate("", first).removed
    assert not (tmp_path / "root.key").exists()
    with pytest.raises(RootKeyError, match="only you can change"):
        ring.rotate(first, "")
    ring.rotate(first, second)
    assert unseal(tmp_path, second, sealed) == b"secret"
    with pytest.raises(RootKeyError, match="does not open"):
        ring.open(first)


def test_a_key_that_could_leave_its_token_is_refused(tmp_path: Path, make: Make) -> None:
    for label, template in (("loose", {"EXTRACTABLE": True}), ("shown", {"SENSITIVE": False})):
        with pytest.raises(RootKeyError, match="could leave its token"):
            Keyring(tmp_path, IDS, {}).open(make(label, **template))


def test_what_is_wrong_with_a_token_is_told_in_a_line_that_shows_no_pin(tmp_path: Path, make: Make) -> None:
    uri = make("twice")
    make("twice")
    (tmp_path / "pin").write_text("wrong-pin-9\n")
    (tmp_path / "pin").chmod(0o600)
    (tmp_path / "open-pin").write_text(PIN)
    (tmp_path / "open-pin").chmod(0o644)
    pin = uri.partition("pin-source=")[2]
    for bad, told in (
        (uri, "2 AES keys"),
        (uri.replace("twice", "never"), "0 AES keys"),
        (uri.replace("yard%20hsm", "nobody"), "refuses: NoSuchToken"),
        (uri.replace(str(MODULE), "/no/such.so"), "refuses: "),
        (uri.replace(pin, f"file:{tmp_path}/pin"), "refuses: PinIncorrect"),
        (uri.replace(pin, f"file:{tmp_path}/open-pin"), "open to others"),
        (uri.replace(pin, "file:/no/such/pin"), "there is no file"),
    ):
        with pytest.raises(RootKeyError, match=told) as caught:
            Keyring(tmp_path / "data", IDS, {}).open(bad)
        assert PIN not in str(caught.value)
        assert "wrong-pin-9" not in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "data" / "keyring").exists()


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("pkcs11:object=x?module-path=/m.so&pin-value=8273-known-pin", "seen by everybody"),
        ("pkcs11:object=x;pin-value=8273-known-pin?module-path=/m.so", "seen by everybody"),
        ("pkcs11:object=x;slot-id=1?module-path=/m.so", "'slot-id' is not known"),
        ("pkcs11:object=x;object=y?module-path=/m.so", "twice"),
        ("pkcs11:object=x", "names a module and a secret key"),
        ("pkcs11:token=x?module-path=/m.so", "names a module and a secret key"),
        ("pkcs11:object=x;type=private?module-path=/m.so", "names a module and a secret key"),
    ],
)
def test_a_uri_that_says_too_little_or_too_much_is_refused(tmp_path: Path, uri: str, told: str) -> None:
    with pytest.raises(RootKeyError, match=told) as caught:
        Keyring(tmp_path, IDS, {}).open(uri)
    assert PIN not in str(caught.value)
