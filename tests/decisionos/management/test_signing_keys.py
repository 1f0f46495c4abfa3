"""The command over the installation's signing keys."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from decisionos.kernel import encryption
from decisionos.kernel.keys import services


def said(*arguments: str) -> str:
    """What the command prints."""
    out = io.StringIO()
    call_command("signing_keys", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
class TestSigningKeys:
    """List, rotate, rewrap."""

    def test_rotates_the_key_of_a_purpose_and_lists_both(self) -> None:
        old = services.sign("test", b"a")
        new = said("rotate", "test").split()[0]
        assert new == services.sign("test", b"a").kid != old.kid
        assert said("list").splitlines() == [f"{old.kid}  test  retired", f"{new}  test  active"]
        assert services.verify("test", b"a", old)

    def test_refuses_a_purpose_that_signs_nothing(self) -> None:
        services.sign("test", b"a")
        with pytest.raises(CommandError, match="there are test"):
            said("rotate", "tset")
        assert len(services.public_keys()) == 1

    def test_seals_anew_what_an_older_encryption_key_sealed(self, settings: Any) -> None:
        services.sign("test", b"a")
        assert said("rewrap") == "0 keys sealed anew\n"
        settings.DOS_ENCRYPTION_KEYS = f"{encryption.new_key('next')},{settings.DOS_ENCRYPTION_KEYS}"
        assert said("rewrap") == "1 keys sealed anew\n"
