"""Who may try a password once more."""

from __future__ import annotations

from codeyard.engine import ManualClock
from codeyard.gateway import attempts
from codeyard.gateway.attempts import FORGET, FREE_OF_MANY, FREE_TRIES, WAIT, Attempts

HERE, THERE = "192.0.2.1", "192.0.2.2"


def _after(clock: ManualClock, wrong: list[tuple[str, str]]) -> Attempts:
    made = Attempts(clock)
    for name, address in wrong:
        made.wrong(name, address)
    return made


def test_a_name_waits_where_it_was_guessed_at_and_its_owner_elsewhere_does_not() -> None:
    made = _after(ManualClock(), [("ada", HERE)] * FREE_TRIES)
    assert not made.may_try("ada", HERE)
    assert made.may_try("ada", THERE)
    assert made.may_try("bob", HERE)


def test_after_the_wait_one_try_is_free_and_the_right_password_begins_anew() -> None:
    clock = ManualClock()
    made = _after(clock, [("ada", HERE)] * FREE_TRIES)
    clock.advance(WAIT / 1_000_000)
    assert made.may_try("ada", HERE)
    made.wrong("ada", HERE)
    assert not made.may_try("ada", HERE)
    clock.advance(WAIT / 1_000_000)
    made.right("ada", HERE)
    made.wrong("ada", HERE)
    assert made.may_try("ada", HERE)


def test_wrong_passwords_are_forgotten() -> None:
    clock = ManualClock()
    made = _after(clock, [("ada", HERE)] * (FREE_TRIES - 1))
    clock.advance(FORGET / 1_000_000)
    made.wrong("ada", HERE)
    assert made.may_try("ada", HERE)


def test_an_address_that_tries_many_names_waits_with_every_name() -> None:
    made = _after(ManualClock(), [(f"user{number}", HERE) for number in range(FREE_OF_MANY)])
    assert not made.may_try("ada", HERE)
    assert made.may_try("ada", THERE)


def test_a_name_that_is_guessed_at_from_many_addresses_waits_at_every_address() -> None:
    made = _after(ManualClock(), [("ada", f"198.51.100.{number}") for number in range(FREE_OF_MANY)])
    assert not made.may_try("ada", HERE)
    assert made.may_try("bob", HERE)


def test_what_is_kept_is_bounded_and_who_goes_on_is_not_forgotten_for_it() -> None:
    made = Attempts(ManualClock())
    for number in range(attempts.MOST):
        made.wrong(f"user{number}", HERE)
    assert made.size <= attempts.MOST
    assert not made.may_try("ada", HERE)
