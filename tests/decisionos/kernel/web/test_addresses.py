"""Where a request comes from: what a proxy of ours says counts, what a caller says does not."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory
from hypothesis import given, settings
from hypothesis import strategies as st

from decisionos import env
from decisionos.kernel.web import addresses

OURS = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/32"))
CALLER = "203.0.113.5"


def _found(remote: str, forwarded: str = "", trusted: Any = OURS) -> str:
    return str(addresses.right_most_untrusted(remote, forwarded, trusted))


class TestRightMostUntrusted:
    """The caller behind any number of proxies."""

    @pytest.mark.parametrize(
        ("remote", "forwarded", "found"),
        [
            (CALLER, "", CALLER),
            (CALLER, "10.0.0.9", CALLER),
            (CALLER, "198.51.100.1, 10.0.0.9", CALLER),
            ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.1", CALLER, CALLER),
            ("10.0.0.1", f"198.51.100.1, {CALLER}", CALLER),
            ("10.0.0.1", f"10.9.9.9, {CALLER}, 10.0.0.2", CALLER),
            ("10.0.0.1", f"127.0.0.1,{CALLER},10.0.0.2,10.0.0.3", CALLER),
            ("10.0.0.1", "10.0.0.7, 10.0.0.2", "10.0.0.7"),
            ("10.0.0.1", f"{CALLER}:4711", CALLER),
            ("2001:db8::1", "[2001:db9::7]:443", "2001:db9::7"),
            ("::ffff:10.0.0.1", CALLER, CALLER),
            ("10.0.0.1", f"::ffff:{CALLER}", CALLER),
            ("10.0.0.1", f"garbage, {CALLER}", CALLER),
            ("10.0.0.1", f"{CALLER}, garbage", "10.0.0.1"),
            ("10.0.0.1", "unknown", "10.0.0.1"),
            ("10.0.0.1", ",,,", "10.0.0.1"),
            ("", CALLER, "0.0.0.0"),
            ("/run/web.sock", CALLER, "0.0.0.0"),
        ],
    )
    def test_is_found_from_the_right(self, remote: str, forwarded: str, found: str) -> None:
        assert _found(remote, forwarded) == found

    def test_is_the_connection_where_no_proxy_is_trusted(self) -> None:
        assert _found("10.0.0.1", CALLER, ()) == "10.0.0.1"

    @given(sent=st.text(max_size=60), middle=st.lists(st.sampled_from(["10.0.0.2", "10.1.1.1"]), max_size=3))
    @settings(deadline=None, max_examples=200)
    def test_is_never_changed_by_what_the_caller_sends(self, sent: str, middle: list[str]) -> None:
        assert _found("10.0.0.1", ", ".join([sent, CALLER, *middle])) == CALLER


class TestSetting:
    """DOS_TRUSTED_PROXIES."""

    def test_counts_for_a_request(self, settings: Any) -> None:
        request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": CALLER})
        settings.DOS_TRUSTED_PROXIES = []
        assert str(addresses.client_address(request)) == "10.0.0.1"
        settings.DOS_TRUSTED_PROXIES = list(OURS)
        assert str(addresses.client_address(request)) == CALLER

    def test_is_read_as_addresses_and_networks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOS_TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1,")
        assert [str(one) for one in env.networks("DOS_TRUSTED_PROXIES")] == ["10.0.0.0/8", "127.0.0.1/32"]

    def test_stops_the_start_where_it_cannot_be_understood(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOS_TRUSTED_PROXIES", "10.0.0.0/8,proxy.internal")
        with pytest.raises(ImproperlyConfigured, match=r"DOS_TRUSTED_PROXIES: 'proxy.internal'"):
            env.networks("DOS_TRUSTED_PROXIES")
