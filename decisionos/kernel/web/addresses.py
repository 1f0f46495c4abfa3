"""Where a request comes from, with and without proxies in front.

A header can be written by anybody, so ``X-Forwarded-For`` counts only as far as the proxies of
``DOS_TRUSTED_PROXIES`` wrote it: from its right end, hop by hop, the first address that is not one of theirs
is the caller's. What stands further left was sent by the caller and is never looked at.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from django.conf import settings
from django.http import HttpRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
UNKNOWN: Address = ipaddress.IPv4Address("0.0.0.0")  # noqa: S104  nobody's address, on no list


def parse(text: str) -> Address | None:
    """Return the address of a text, without port or brackets; None where there is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped or found


def right_most_untrusted(remote: str, forwarded: str, trusted: Iterable[Network]) -> Address:
    """Return the caller's address from the connection's own and the header that proxies append to."""
    networks = tuple(trusted)
    found = parse(remote)
    if found is None:
        return UNKNOWN
    for hop in reversed(forwarded.split(",")) if forwarded else ():
        if not any(found in network for network in networks):
            break
        before = parse(hop)
        if before is None:
            # A trusted hop that names nobody: the last address that is certain is the hop itself.
            break
        found = before
    return found


def client_address(request: HttpRequest) -> Address:
    """Return the caller's address."""
    return right_most_untrusted(
        str(request.META.get("REMOTE_ADDR", "")),
        request.headers.get("X-Forwarded-For", ""),
        settings.DOS_TRUSTED_PROXIES,
    )
