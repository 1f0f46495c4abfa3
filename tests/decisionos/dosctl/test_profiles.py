"""The profile file holds keys."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decisionos.dosctl import exits, profiles


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("DOS_URL", "DOS_KEY", "DOS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


class TestProfileFile:
    def test_is_readable_by_its_owner_alone(self) -> None:
        file = profiles.save(profiles.Profile("default", "https://one.example", "dos_a_b"))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_is_refused_when_others_can_read_it(self) -> None:
        file = profiles.save(profiles.Profile("default", "https://one.example", "dos_a_b"))
        file.chmod(0o644)
        with pytest.raises(exits.Stop, match="chmod 600") as caught:
            profiles.choose(None)
        assert caught.value.code == exits.INPUT

    def test_keeps_the_other_profiles(self) -> None:
        profiles.save(profiles.Profile("one", "https://one.example", "k1"))
        profiles.save(profiles.Profile("two", "https://two.example", "k2"))
        assert profiles.choose("one").key == "k1"
        assert profiles.choose("two").url == "https://two.example"

    def test_refuses_a_name_that_would_break_the_file(self) -> None:
        with pytest.raises(exits.Stop):
            profiles.save(profiles.Profile("a]\n[b", "https://one.example", "k"))

    @settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=40))
    def test_gives_back_whatever_key_was_stored(self, key: str) -> None:
        profiles.save(profiles.Profile("p", "https://one.example", key))
        assert profiles.load()["p"].key == key


class TestChoose:
    def test_prefers_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        profiles.save(profiles.Profile("default", "https://file.example", "file"))
        monkeypatch.setenv("DOS_URL", "https://env.example/")
        monkeypatch.setenv("DOS_KEY", "env")
        assert profiles.choose(None) == profiles.Profile("default", "https://env.example", "env")

    def test_a_named_profile_wins_over_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        profiles.save(profiles.Profile("stage", "https://stage.example", "s"))
        monkeypatch.setenv("DOS_URL", "https://env.example")
        monkeypatch.setenv("DOS_KEY", "env")
        assert profiles.choose("stage").url == "https://stage.example"

    def test_says_how_to_log_in_where_nothing_is_known(self) -> None:
        with pytest.raises(exits.Stop, match="dosctl login"):
            profiles.choose(None)

    def test_refuses_an_address_that_is_not_http(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOS_URL", "ftp://x")
        monkeypatch.setenv("DOS_KEY", "k")
        with pytest.raises(exits.Stop, match="http"):
            profiles.choose(None)
