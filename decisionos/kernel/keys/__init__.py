"""Signing keys: Ed25519, one active key per purpose, retired ones kept for verification.

What must stay true: a private key is never in the database in clear; a retired key verifies and never signs.
Neighbours: the ledger's checkpoints, packs, invoices, evidence.
"""
